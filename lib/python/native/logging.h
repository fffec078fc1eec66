// SPDX-License-Identifier: LGPL-2.1-or-later
/// The library's log on its way to Python's `logging`.
///
///     any thread, with or without the interpreter lock        a thread of ours, for as long as there are lines
///     ------------------------------------------------        ------------------------------------------------
///     puts a line into the queue, and goes on         ──►     takes the lock and hands it to cuframes._log
///
/// So who logs waits for nobody: neither for the lock, whose holder may wait for a mutex that is held where a line is
/// written, nor for a handler.
#pragma once

#include <nanobind/nanobind.h>

namespace cuframes::python {

void bind_logging(nanobind::module_& module);

} // namespace cuframes::python
