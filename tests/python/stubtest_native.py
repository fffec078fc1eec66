# SPDX-License-Identifier: LGPL-2.1-or-later
"""mypy.stubtest for a module made with nanobind, whose functions stubtest cannot look into: it is shown a
mirror of the module instead, with plain functions and classes of the same names and the signatures that
nanobind itself states.

    python3 stubtest_native.py cuframes._native
"""

import ast
import importlib
import sys
import types

from mypy import stubtest


def plain_function(name, function):
    """A function that does nothing, with the parameters of `function`."""
    ((signature, _doc, *_defaults),) = function.__nb_signature__
    definition = ast.parse(signature.replace("\\", "None #") + ": ...").body[0]
    arguments = definition.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        argument.annotation = None
    definition.returns, definition.name = None, "made"
    namespace = {}
    exec(compile(ast.fix_missing_locations(ast.Module([definition], [])), name, "exec"), namespace)
    made = namespace["made"]
    made.__name__ = made.__qualname__ = name
    return made


def plain_member(name, member):
    if type(member).__name__ == "nb_method":
        return plain_function(name, member)
    if type(member).__name__ == "nb_func":
        return staticmethod(plain_function(name, member))
    if isinstance(member, staticmethod):
        return staticmethod(plain_function(name, member.__func__))
    if isinstance(member, property):
        setter = (lambda self, value: None) if member.fset else None
        return property(lambda self: None, setter)
    return member


def plain_class(cls, classes):
    if cls not in classes:
        bases = tuple(plain_class(base, classes) for base in cls.__bases__ if base is not object)
        members = {
            name: plain_member(name, member)
            for name, member in vars(cls).items()
            if not name.startswith("__nb")
            and name not in ("__dict__", "__weakref__", "__doc__")
            # What Python code cannot make has a slot for it that only raises.
            and not (name == "__init__" and type(member).__name__ == "wrapper_descriptor")
        }
        classes[cls] = type(cls.__name__, bases, members)
    return classes[cls]


def mirror(module):
    made, classes = types.ModuleType(module.__name__, module.__doc__), {}
    for name, value in vars(module).items():
        if isinstance(value, type):
            value = plain_class(value, classes)
        elif type(value).__name__ == "nb_func":
            value = plain_function(name, value)
            value.__module__ = module.__name__
        setattr(made, name, value)
    return made


if __name__ == "__main__":
    target = sys.argv[1]
    sys.modules[target] = mirror(importlib.import_module(target))
    sys.exit(stubtest.test_stubs(stubtest.parse_options([target])))
