# SPDX-License-Identifier: LGPL-2.1-or-later
"""compile-installed.py FOLDER: after `meson install`, makes the bytecode of a package, which its users may not write."""

import compileall
import os
import sys

folder = sys.argv[1]
destination = os.environ.get("DESTDIR", "")
here = os.path.join(destination, folder.lstrip("/")) if destination else folder
# Tracebacks name the place where it is in the end.
sys.exit(
    not compileall.compile_dir(here, quiet=1, stripdir=destination or None, prependdir="/" if destination else None)
)
