// SPDX-License-Identifier: LGPL-2.1-or-later
// Precompiled for the verbs' options: CLI11 takes ten times as long as they do.
#pragma once

#include <CLI/CLI.hpp>
#include <fmt/format.h>
