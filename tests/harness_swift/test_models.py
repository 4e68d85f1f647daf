"""The Swift models hold what the protocol's schemas say: keys, types, nulls, words."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.harness_swift.swift_source import Struct, enum_cases, structs

CORE = Path("ios_harness/Sources/MatteCore")
RESULT_FILES = (
    "RunResult.swift", "RunResultAsked.swift", "RunResultMeasured.swift", "Statistics.swift",
)  # fmt: skip
TRACE_FILES = ("Trace.swift",)
# Where the schema's name is one that Swift or Foundation has taken.
RENAMED = {"RunResult": "", "Trace": "", "Numbers": "Data"}
NO_MODEL = {"Contract"}  # a struct of Trace.swift that is not read from JSON
SWIFT_TYPES = {
    "string": {"String", "Orientation", "Platform", "RunProcess", "RunStatus", "Dtype", "Judged"},
    "integer": {"Int", "UInt64"},
    "number": {"Double"},
    "boolean": {"Bool"},
}


def _schema(root: Path, name: str) -> dict[str, dict[str, Any]]:
    """Return the objects of a schema by name; the whole file's has an empty one."""
    whole = json.loads((root / "docs/protocol" / f"{name}.schema.json").read_text())
    return {"": whole, **whole["$defs"]}


def _text(root: Path, files: tuple[str, ...]) -> str:
    return "\n".join((root / CORE / name).read_text() for name in files)


def _nullable(kind: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return a property's schema without null, and whether null was allowed."""
    others = [one for one in kind.get("anyOf", [kind]) if one.get("type") != "null"]
    return others[0], len(others) < len(kind.get("anyOf", [kind]))


def _fits(written: str, kind: dict[str, Any]) -> bool:
    """Say whether a Swift type may hold what a property's schema allows."""
    if "$ref" in kind:
        name: str = kind["$ref"].rpartition("/")[2]
        return RENAMED.get(written, written) == name
    if kind["type"] == "array":
        return written[0] == "[" and _fits(written[1:-1], kind["items"])
    if kind["type"] == "object":
        inner = kind["additionalProperties"]
        return written.startswith("[String: ") and _fits(written[9:-1], inner)
    return written in SWIFT_TYPES[kind["type"]]


def model_faults(name: str, model: Struct, schema: dict[str, Any], *, writes: bool) -> list[str]:
    """Return where a struct is not its object of the schema."""
    properties = schema["properties"]
    faults = []
    if set(model.keys.values()) != set(properties):
        faults.append(f"{name} has other keys: {set(model.keys.values()) ^ set(properties)}")
    if set(model.keys) != set(model.types):
        faults.append(f"{name} has other properties: {set(model.keys) ^ set(model.types)}")
    for swift, key in model.keys.items():
        if key in properties and swift in model.types:
            kind, null = _nullable(properties[key])
            written = model.types[swift]
            if null != written.endswith("?") or not _fits(written.removesuffix("?"), kind):
                faults.append(f"{name}.{swift} is {written}")
    optional = any(written.endswith("?") for written in model.types.values())
    if writes and optional and sorted(model.encoded) != sorted(model.types):
        faults.append(f"{name} writes {', '.join(model.encoded)}")
    return faults


def all_faults(text: str, schema: dict[str, dict[str, Any]], *, writes: bool) -> list[str]:
    """Return where the structs of a text are not the objects of a schema."""
    models = {n: model for n, model in structs(text).items() if n not in NO_MODEL}
    held = {RENAMED.get(name, name) for name in models}
    faults = [f"{name or 'the whole file'} has no model" for name in sorted(set(schema) - held)]
    for name, model in models.items():
        own = schema.get(RENAMED.get(name, name))
        faults += [f"{name} is nothing of the schema"] if own is None else model_faults(
            name, model, own, writes=writes
        )  # fmt: skip
    return faults


def test_results_hold_what_their_schema_says(root: Path) -> None:
    assert all_faults(_text(root, RESULT_FILES), _schema(root, "result"), writes=True) == []


def test_traces_hold_what_their_schema_says(root: Path) -> None:
    assert all_faults(_text(root, TRACE_FILES), _schema(root, "trace"), writes=False) == []


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ('ramBytes = "ram_bytes"', 'ramBytes = "ramBytes"', "Device has other keys"),
        ("public let late: Int\n", "", "Sustained has other properties"),
        ("public let soc: String?", "public let soc: String", "Device.soc is String"),
        ("public let mad: Double?", "public let mad: Int?", "OutputFigures.mad is Int?"),
        ("public let files: [File]", "public let files: [Tool]", "Subject.files is [Tool]"),
        ("public struct Heat:", "public struct Warmth:", "Heat has no model"),
        ("            try container.encode(soc, forKey: .soc)\n", "", "Device writes platform"),
        ("container.encode(soc, forKey: .soc)", "container.encode(cpu, forKey: .soc)", "Device"),
    ],
)
def test_a_result_that_departs_from_its_schema_is_found(
    root: Path, right: str, wrong: str, fault: str
) -> None:
    text = _text(root, RESULT_FILES)
    assert right in text
    faults = all_faults(text.replace(right, wrong), _schema(root, "result"), writes=True)
    assert any(found.startswith(fault) for found in faults), faults


def test_a_trace_that_departs_from_its_schema_is_found(root: Path) -> None:
    text = _text(root, TRACE_FILES)
    right = 'shownBy = "shown_by"'
    assert right in text
    changed = text.replace(right, 'shownBy = "shownBy"')
    faults = all_faults(changed, _schema(root, "trace"), writes=False)
    assert [found.partition(":")[0] for found in faults] == ["Output has other keys"]


ENUMS = (
    ("RunResult.swift", "RunStatus", "result", "", "status"),
    ("RunResult.swift", "RunProcess", "result", "Execution", "process"),
    ("RunResultAsked.swift", "Platform", "result", "Device", "platform"),
    ("Manifest.swift", "Orientation", "trace", "", "orientation"),
    ("Trace.swift", "Dtype", "trace", "Stored", "dtype"),
    ("Trace.swift", "Judged", "trace", "Output", "judged"),
)


@pytest.mark.parametrize(("file", "name", "schema", "owner", "key"), ENUMS)
def test_an_enum_has_the_words_of_the_schema(
    root: Path, file: str, name: str, schema: str, owner: str, key: str
) -> None:
    kind, _ = _nullable(_schema(root, schema)[owner]["properties"][key])
    text = (root / CORE / file).read_text()
    words = set(enum_cases(text, name).values())
    assert words == set(kind["enum"])
    changed = re.sub(rf"(enum {name}: String.*\{{\n)", r"\1    case another\n", text)
    assert set(enum_cases(changed, name).values()) == words | {"another"}


def test_the_flags_of_a_choice_are_those_of_a_results_validity(root: Path) -> None:
    flags = structs((root / CORE / "Choice.swift").read_text())["Flags"]
    validity = _schema(root, "result")["Validity"]["properties"]
    assert set(flags.keys.values()) == set(validity) - {"physical_device", "latency_valid"}
