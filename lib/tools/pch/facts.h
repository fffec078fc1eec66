// SPDX-License-Identifier: LGPL-2.1-or-later
// Precompiled for the verbs that tell facts.
#pragma once

#include <cuframes/cuframes.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
