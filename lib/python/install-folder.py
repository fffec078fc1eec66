# SPDX-License-Identifier: LGPL-2.1-or-later
"""install-folder.py PREFIX USUAL: where this Python finds a package that is installed with that prefix.

Meson names the folder of the distribution's own packages below any prefix. Debian's Python looks there below /usr alone,
and in a folder of another name below /usr/local. USUAL it is where this Python looks into neither.
"""

import pathlib
import site
import sys

prefix, usual = sys.argv[1:]
searched = site.getsitepackages()
# What an administrator puts below /usr/local is not for a package with the prefix /usr.
own = [name for name in searched if pathlib.PurePath(name).parent.parent.parent == pathlib.PurePath(prefix)]
print(usual if usual in searched or not own else own[0])
