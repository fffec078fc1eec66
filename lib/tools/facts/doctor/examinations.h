// SPDX-License-Identifier: LGPL-2.1-or-later
/// What `cuframes doctor` looks at: each in a file of its own.
#pragma once

#include "facts/doctor/findings.h"
#include "facts/doctor/gpu.h"
#include "options/doctor.h"

namespace cuframes::tools::doctor {

/// Library, protocol, and the plugin, which cuframes-media knows.
void examine_versions(Findings& findings);
/// What the library needs of the kernel, and which namespaces this process is in.
void examine_kernel(Findings& findings);
/// Descriptors, inotify, sizes of files, locked memory.
void examine_limits(Findings& findings);
/// What can be had.
void examine_memory(Findings& findings);
/// Where keys are, and what this user may do there.
void examine_directory(Findings& findings, const DoctorOptions& options);
/// The driver, and which promise about the end of leases holds here.
void examine_gpus(Findings& findings, const GpuDriver& driver);
/// Shares a frame with itself, in a directory of its own: in host memory, and on each GPU.
void try_sharing(Findings& findings, const GpuDriver& driver, const DoctorOptions& options);
/// What attaching to the key needs, and whether it works.
void examine_key(Findings& findings, const GpuDriver& driver, const DoctorOptions& options);

} // namespace cuframes::tools::doctor
