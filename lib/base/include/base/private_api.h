// SPDX-License-Identifier: LGPL-2.1-or-later
/// What libcuframes shows the project's other libraries beside its C ABI, so that a process has one driver table, one
/// reaper, one set of memory pools and keys, however many of them it loads. Nobody else may use it: it changes with every
/// version, whose number is in its symbols.
///
/// In a wheel each library has a C++ library of its own. So nothing that is marked throws: it is noexcept, and says with
/// its result that memory could not be had.
#pragma once

#define CUFRAMES_PRIVATE __attribute__((visibility("default")))
