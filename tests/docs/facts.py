# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the code says about itself, for comparison with what the documentation says."""

import re
import subprocess
import tempfile

import environment
from pages import SOURCE

HEADER = SOURCE / "lib/cuframes/include/cuframes/cuframes.h"
CORE = SOURCE / "lib/cuframes"
BASE = SOURCE / "lib/base"
GST_HEADER = SOURCE / "lib/cuframes-gst/include/cuframes-gst/cuframes-gst.h"


def header_errors():
    return set(re.findall(r"^    (CUFRAMES_ERROR_\w+) = -\d+", HEADER.read_text(), re.MULTILINE))


def header_functions():
    return set(re.findall(r"CUFRAMES_API [\w\s*]*?\b(cuframes_\w+)\(", HEADER.read_text()))


def gst_header_functions():
    return set(re.findall(r"CUFRAMES_GST_API [\w\s*]*?\b(cuframes_gst_\w+)\(", GST_HEADER.read_text()))


def header_words():
    """Everything of ours that the headers and the library's symbol map define or name."""
    text = "".join(path.read_text() for path in (HEADER, GST_HEADER, CORE / "api/cuframes.map"))
    return set(re.findall(r"\b(?:cuframes|CUFRAMES)_\w+", text))


def metrics():
    """Names that `cuframes export` serves."""
    return set(re.findall(r'"(cuframes_[a-z_]+)"', (SOURCE / "lib/tools/facts/metrics.cpp").read_text()))


def environment_variables():
    """Variables of ours, and those that ./dev and the library look up."""
    sources = (path for folder in (CORE, BASE) for kind in ("*.cpp", "*.h") for path in folder.rglob(kind))
    text = "".join(path.read_text() for path in sources)
    found = set(re.findall(r'getenv\("(\w+)"\)', text))
    usage = (SOURCE / "dev").read_text().split("END")[1]
    return found | set(re.findall(r"\b(CUFRAMES_\w+|XDG_CACHE_HOME|CUDA_HOME)\b", usage))


def debug_categories():
    text = "".join(path.read_text() for path in (SOURCE / "gst").rglob("*.cpp"))
    return set(re.findall(r'GST_DEBUG_CATEGORY_INIT\(\w+, "(\w+)"', text))


def subscriber_fields():
    """Names in the structures that cuframessink's stats have for each reader."""
    text = (SOURCE / "gst/shared/stats.cpp").read_text()
    body = re.search(r'gst_structure_new\("subscriber"(.*?)nullptr\)', text, re.DOTALL).group(1)
    return re.findall(r'"([a-z][\w-]*)"(?=,\s*G_TYPE)', body)


def members_of(variable, path):
    """What a source file reads or writes of it."""
    return set(re.findall(rf"\b{variable}\.(\w+)", (SOURCE / path).read_text()))


def publisher_message_fields():
    text = (SOURCE / "gst/src/attachment.cpp").read_text()
    body = re.search(r'gst_structure_new\("cuframes-publisher"(.*?)nullptr\)', text, re.DOTALL).group(1)
    return re.findall(r'"([a-z][\w-]*)"(?=,\s*G_TYPE)', body)


# The first that fits.
KINDS = (
    ("Unsigned Integer64", "uint64"),
    ("Unsigned Integer", "uint"),
    ("Integer", "int"),
    ("String", "string"),
    ("Enum", "enum"),
    ("Boolean", "bool"),
    ('Boxed pointer of type "GstStructure"', "structure"),
)


class Element:
    """An element as gst-inspect-1.0 tells of it."""

    def __init__(self, name, build):
        self.name = name
        self.text = environment.output_of(["gst-inspect-1.0", name], environment.make(build))
        assert self.text is not None, f"gst-inspect-1.0 does not know {name}"
        self.properties = {}
        section = self.text.split("Element Properties:")[1].split("Element Signals:")[0]
        for match in re.finditer(r"^  ([a-z][\w-]*) *: (.*?)(?=^  [a-z]|\Z)", section, re.MULTILINE | re.DOTALL):
            self.properties[match.group(1)] = match.group(2)

    def own_properties(self, base):
        """Those that `base`, an element of the same base class, does not have or describes otherwise."""
        described = {name: text.splitlines()[0] for name, text in base.properties.items()}
        return {name: text for name, text in self.properties.items() if text.splitlines()[0] != described.get(name)}

    def default(self, name):
        text = self.properties[name]
        enum = re.search(r'Enum "\w+" Default: \d+, "([\w-]+)"', text)
        plain = re.search(r'Default: "?([^"\s]*)"?', text)
        return enum.group(1) if enum else plain.group(1) if plain else ""

    def type(self, name):
        """As the documentation names types, with the range if that is less than the type's."""
        text = self.properties[name]
        kind = next(ours for theirs, ours in KINDS if theirs in text)
        bounds = re.search(r"Range: (-?\d+) - (\d+)", text)
        full = ("4294967295", "2147483647", "18446744073709551615")
        return f"{kind}, {bounds.group(1)} to {bounds.group(2)}" if bounds and bounds.group(2) not in full else kind

    def is_read_only(self, name):
        return "writable" not in self.properties[name]

    def stats_fields(self):
        return re.findall(r"^ {30,}([a-z][\w-]*): ", self.properties["stats"], re.MULTILINE)

    def signals(self):
        return re.findall(r'^  "([\w-]+)" :', self.text.split("Element Signals:")[-1], re.MULTILINE)


def layout_of(structs):
    """Asks the compiler: {(struct, field): offset} for the fields given, and for each struct its size under None."""
    lines = [f'    std::printf("{s} - %zu\\n", sizeof({s}));' for s in structs]
    for s, fields in structs.items():
        lines += [f'    std::printf("{s} {field} %zu\\n", offsetof({s}, {field}));' for field in fields]
    program = (
        '#include <cstdio>\n#include "protocol/messages.h"\n#include "protocol/report.h"\nusing namespace cuframes::core;\n'
        "using namespace cuframes::core::wire;\nint main() {\n" + "\n".join(lines) + "\n}\n"
    )
    with tempfile.TemporaryDirectory(prefix="docs-") as folder:
        binary = f"{folder}/layout"
        command = ["c++", "-std=c++20", f"-I{CORE}", f"-I{CORE}/include", "-xc++", "-", "-o", binary]
        done = subprocess.run(command, input=program, text=True, capture_output=True)
        assert done.returncode == 0, f"a field that the documentation names is not there:\n{done.stderr}"
        text = subprocess.run([binary], capture_output=True, text=True, check=True).stdout
    rows = (line.split() for line in text.splitlines())
    return {(struct, None if field == "-" else field): int(value) for struct, field, value in rows}


def messages():
    """Of each message of the protocol its number, and whether there is more in it than a header: {struct: (number,
    more)}; and what types have no struct."""
    text = (CORE / "protocol/messages.h").read_text()
    numbers = dict(
        re.findall(r"^    (\w+) = (\d+),", re.search(r"enum class MessageType.*?};", text, re.DOTALL)[0], re.MULTILINE)
    )
    structs = re.findall(
        r"^struct (\w+) {\n    static constexpr MessageType type = MessageType::(\w+);", text, re.MULTILINE
    )
    return {struct: (int(numbers.pop(kind)), struct_fields(struct) != ["header"]) for struct, kind in structs}, numbers


def struct_fields(name):
    """Names of a struct's fields, from the headers."""
    text = "".join(
        (CORE / part).read_text() for part in ("protocol/layout.h", "protocol/messages.h", "protocol/report.h")
    )
    text += HEADER.read_text()
    body = re.search(rf"struct (?:alignas\(\d+\) )?{name} {{(.*?)^}}", text, re.MULTILINE | re.DOTALL)
    assert body, f"there is no struct {name}"
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", body.group(1), flags=re.DOTALL)
    declarations = (line.strip() for line in code.split("\n") if line.strip().endswith(";"))
    fields = []
    for declaration in declarations:
        if not declaration.startswith("static"):
            names = re.sub(r"<[^;]*>", "", declaration.rstrip(";")).split(",")
            fields += [re.sub(r"\[.*?\]", "", part).split()[-1] for part in names]
    return fields
