# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects that stand for something outside of Python: a second one of them would end what the first one has."""

from __future__ import annotations


def not_copied(what: object, instead: str) -> TypeError:
    """Why `copy.copy()`, `pickle` and what is built on them (process pools, queues, DataLoader) refuse an object."""
    return TypeError(f"a {type(what).__name__} of cuframes can neither be copied nor be pickled; {instead}")
