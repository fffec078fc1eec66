# SPDX-License-Identifier: LGPL-2.1-or-later
"""Links of pages that are read in the repository, for a site: files outside of docs/ that a page names become pages too, in
source/ of the site."""

import os
import pathlib
import re

LINK = re.compile(r"\]\(([^)\s]+)\)")
LANGUAGES = {".c": "c", ".cpp": "cpp", ".h": "c", ".hpp": "cpp", ".py": "python", ".yaml": "yaml", ".sh": "sh"}


def prose_lines(markdown):
    """Each line, and whether it is prose: not a fence, nor in one."""
    fenced = False
    for line in markdown.splitlines():
        is_fence = line.lstrip().startswith("```")
        yield line, not (fenced or is_fence)
        fenced ^= is_fence


def targets(path):
    """The files and folders of the checkout that a page links to."""
    for line, is_prose in prose_lines(path.read_text()):
        for target in LINK.findall(line) if is_prose else []:
            if not re.match(r"[a-z]+:|#", target):
                yield (path.parent / target.partition("#")[0]).resolve()


def foreign_files(source):
    """All that pages name outside of docs/, files of a folder too, and what those that are pages name in turn."""
    docs = source / "docs"
    found, waiting = set(), sorted(docs.rglob("*.md"))
    while waiting:
        for path in targets(waiting.pop()):
            if path.is_relative_to(docs) or not path.is_relative_to(source) or not path.exists() or path in found:
                continue
            more = [path, *(file for file in path.iterdir() if file.is_file())] if path.is_dir() else [path]
            found.update(more)
            waiting += [file for file in more if file.suffix == ".md"]
    return sorted(found)


def uri_of(source, path):
    """The page of the site that a file of the checkout is."""
    docs = source / "docs"
    if path.is_relative_to(docs):
        return str(path.relative_to(docs))
    name = pathlib.Path("source") / path.relative_to(source)
    if path.is_dir():
        return str(name / "README.md")
    return str(name if path.suffix == ".md" else f"{name}.md")


def page_of(source, path):
    """The text of a page for a file outside of docs/."""
    name = path.relative_to(source)
    if path.is_dir():
        files = sorted(file.name for file in path.iterdir() if file.is_file())
        return f"# {name}/\n\n" + "".join(f"- [{file}]({file})\n" for file in files)
    if path.suffix == ".md":
        return path.read_text()
    language = LANGUAGES.get(path.suffix, "text")
    return f"# {name}\n\n```{language}\n{path.read_text().rstrip()}\n```\n"


def origin_of(source, uri):
    """The folder that links of a page are relative to."""
    inside = uri.removeprefix("source/")
    return (source / inside if inside != uri else source / "docs" / uri).parent


def for_site(source, markdown, uri):
    """A page with its links as the site has them, and with fences that say a language and nothing for tests."""
    lines = []
    for line, is_prose in prose_lines(markdown):
        if is_prose:
            line = LINK.sub(lambda link: f"]({target_for(source, link.group(1), uri)})", line)
        else:
            line = re.sub(r"^(\s*```\w+) .*$", r"\1", line)
        lines.append(line)
    return "\n".join(lines) + "\n"


def target_for(source, target, uri):
    name, hash_mark, anchor = target.partition("#")
    path = (origin_of(source, uri) / name).resolve()
    # What is not in the checkout is left to mkdocs, which knows pages that only the site has, and objects to the rest.
    if re.match(r"[a-z]+:|#", target) or not path.is_relative_to(source) or not path.exists():
        return target
    return os.path.relpath(uri_of(source, path), os.path.dirname(uri)) + hash_mark + anchor
