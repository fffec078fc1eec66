# SPDX-License-Identifier: LGPL-2.1-or-later
"""What mkdocs calls while it makes the site of docs/: the pages stay as they are read in the repository, and here they get
what a site needs.

SITE_GENERATED  the generated references, folders of HTML that become part of the site
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import c_reference
import links
from mkdocs.structure.files import File

SOURCE = pathlib.Path(__file__).resolve().parents[3]
GENERATED = os.environ.get("SITE_GENERATED")
HEADER = SOURCE / "lib/cuframes/include/cuframes/cuframes.h"
C_REFERENCE = "reference/cuframes-h.md"


def on_files(files, config):
    """Adds the pages that no file of docs/ is."""
    files.append(File.generated(config, C_REFERENCE, content=c_reference.page(HEADER)))
    for path in links.foreign_files(SOURCE):
        uri = links.uri_of(SOURCE, path)
        files.append(File.generated(config, uri, content=links.page_of(SOURCE, path)))
    for path in sorted(pathlib.Path(GENERATED).rglob("*")) if GENERATED else []:
        if path.is_file():
            uri = str(path.relative_to(GENERATED))
            files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, **_):
    return links.for_site(SOURCE, markdown, page.file.src_uri)
