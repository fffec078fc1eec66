# SPDX-License-Identifier: LGPL-2.1-or-later
"""Caps, as GStreamer writes them: `video/x-h264, width=(int)1920, codec_data=(buffer)01640028…`."""

from __future__ import annotations

import re
from fractions import Fraction

# A field's value: in quotes, in the brackets of a list, or up to the next comma.
_FIELD = re.compile(
    r"\s*([\w-]+)\s*=\s*(?:\(\s*[\w/:]+\s*\))?\s*"
    r'("(?:[^"\\]|\\.)*"|\{[^}]*\}|<[^>]*>|\[[^\]]*\]|[^,;]*)\s*(?:,|;|$)'
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class Caps:
    """The media type, and its fields as text; what is not there, or is another kind of value, is None."""

    def __init__(self, text: str) -> None:
        name, _, rest = text.partition(",")
        self.name = name.partition("(")[0].strip().rstrip(";")
        self._fields: dict[str, str] = {}
        for key, value in _FIELD.findall(rest):
            if value.startswith('"'):
                value = _ESCAPE.sub(r"\1", value[1:-1])
            self._fields[key] = value.strip()

    def text(self, field: str) -> str | None:
        return self._fields.get(field)

    def number(self, field: str) -> int | None:
        value = self._fields.get(field, "")
        return int(value) if re.fullmatch(r"-?\d+", value) else None

    def fraction(self, field: str) -> Fraction | None:
        value = self._fields.get(field, "")
        return Fraction(value) if re.fullmatch(r"[1-9]\d*/[1-9]\d*", value) else None

    def data(self, field: str) -> bytes | None:
        value = self._fields.get(field, "")
        return bytes.fromhex(value) if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", value) else None

    def headers(self) -> list[bytes]:
        """The buffers of `streamheader`."""
        found = re.findall(r"(?:\(buffer\))?\s*([0-9a-fA-F]+)", self._fields.get("streamheader", ""))
        return [bytes.fromhex(one) for one in found if len(one) % 2 == 0]
