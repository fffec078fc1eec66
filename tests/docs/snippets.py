# SPDX-License-Identifier: LGPL-2.1-or-later
"""Python programs that are read and not run: what they use of the package must exist."""

import ast
import importlib
import inspect
import pathlib
import re
import sys

# What variables of these names are in the documentation.
VARIABLES = {
    "subscriber": "Subscriber",
    "camera": "Subscriber",
    "frame": "Frame",
    "plane": "Plane",
    "group": "Group",
    "batch": "Batch",
    "packet": "Packet",
    "packets": "PacketSubscriber",
    "publisher": "Publisher",
    "slot": "Slot",
}


def package_of(build):
    """The package cuframes of the build under test."""
    folder = str(pathlib.Path(build) / "lib" / "python")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module("cuframes")


def members(cls):
    """Public names of a class, and those that its constructor sets."""
    try:
        own = set(re.findall(r"^ +self\.([a-z]\w*)\b.* = ", inspect.getsource(cls.__init__), re.MULTILINE))
    except (OSError, TypeError):
        own = set()
    return {name for name in dir(cls) if not name.startswith("_")} | own


class Reader:
    """Finds what is wrong with programs."""

    def __init__(self, build):
        self.package = package_of(build)

    def problems(self, text):
        try:
            tree = ast.parse(text)
        except SyntaxError as error:
            return [f"line {error.lineno}: {error.msg}"]
        self.names = {"cuframes": self.package}
        self.names.update({name: getattr(self.package, cls) for name, cls in VARIABLES.items()})
        return [problem for node in ast.walk(tree) for problem in self._problems_of(node)]

    def _problems_of(self, node):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "cuframes":
            yield from self._import(node)
        elif isinstance(node, ast.Attribute):
            owner = self._find(node.value)
            if owner is not None and not self._has(owner, node.attr):
                yield f"{ast.unparse(node.value)} has no {node.attr}"
        elif isinstance(node, ast.Call):
            yield from self._wrong_arguments(node)

    def _import(self, node):
        for alias in node.names:
            try:
                found = importlib.import_module(f"{node.module}.{alias.name}")
            except ImportError:
                found = getattr(importlib.import_module(node.module), alias.name, None)
                if found is None and alias.name != "gst":
                    yield f"{node.module} has no {alias.name}"
            self.names[alias.asname or alias.name] = found

    def _find(self, node):
        """What an expression is, if it is something of the package's; None: not known."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self._find(node.value)
            return None if owner is None else getattr(owner, node.attr, None)
        return None

    def _has(self, owner, name):
        return name in members(owner) if inspect.isclass(owner) else hasattr(owner, name)

    def _wrong_arguments(self, call):
        function = self._find(call.func)
        if not callable(function):
            return
        try:
            known = inspect.signature(function).parameters
        except ValueError:
            return
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
            given = [word.arg for word in call.keywords if word.arg]
            yield from (f"{ast.unparse(call.func)}() has no {name}" for name in given if name not in known)
