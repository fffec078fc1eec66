// SPDX-License-Identifier: LGPL-2.1-or-later
// Precompiled for the verbs that tell facts.
// The distribution's headers alone: one of ours, whose time differs in another checkout, would be taken for another file.
#pragma once

#include <fmt/format.h>
#include <nlohmann/json.hpp>
