// SPDX-License-Identifier: LGPL-2.1-or-later
/// Verbs that other programs do.
#pragma once

#include <string>
#include <vector>

namespace cuframes::tools {

/// Where cuframes-media is: beside this program in the build tree, or where both were installed, wherever that was moved
/// to. "": it is not there.
std::string find_media();

/// Becomes cuframes-media, with all arguments. Returns what to exit with if it cannot.
int become_media(char** argv);

/// Path of `cuframes-NAME` in $PATH; "": there is none.
std::string find_foreign(const std::string& name);

/// The names of all that there are, sorted.
std::vector<std::string> foreign_verbs();

/// Becomes it, with the arguments after the verb. Returns what to exit with if it cannot.
int become_foreign(const std::string& path, char** argv);

} // namespace cuframes::tools
