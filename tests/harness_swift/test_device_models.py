"""What Swift decides on the device has the keys of the schema and the numbers of the reference."""

import json
import re
from pathlib import Path

import pytest

from pocketmatte.selection.on_device import calibrating, memory, stepping
from tests.harness_swift.swift_source import code_of, structs

CORE = Path("ios_harness/Sources/MatteCore")
MODELS = {
    "DeviceFile": ("DeviceFile.swift", ""),
    "Neighbours": ("DeviceFile.swift", "Neighbours"),
    "DeviceIndex": ("DeviceIndex.swift", "DeviceIndex"),
    "Floor": ("DeviceIndex.swift", "Floor"),
    "Running": ("DeviceIndex.swift", "Running"),
    "IndexSoc": ("DeviceIndex.swift", "IndexSoc"),
    "IndexDevice": ("DeviceIndex.swift", "IndexDevice"),
    "HeldFile": ("DeviceLock.swift", "HeldFile"),
    "HeldStep": ("DeviceLock.swift", "Neighbour"),
}
NUMBERS = {
    "Stepping.swift": (
        stepping,
        ("SEVERE", "CRITICAL", "WARMEST_CALM", "TROUBLE_MS", "DOWN_DWELL_MS", "UP_DWELL_MS",
         "CALM_MS", "MOST_CALM_MS", "RELAPSE_MS", "GAP_MS", "WINDOW_MS", "LEAST_FRAMES",
         "LATE_ONE_IN", "TIMELY_ONE_IN"),
    ),
    "Calibrating.swift": (
        calibrating,
        ("WARMUPS", "LEAST_RUNS", "LEAST_SECONDS", "LIMIT_SECONDS", "WARMEST", "TRIED_BELOW",
         "TAKEN_BELOW"),
    ),
    "CalibrationMemory.swift": (memory, ("MOST_ATTEMPTS",)),
}  # fmt: skip


def keys_of(text: str, name: str) -> set[str]:
    """Return the JSON keys of a struct."""
    return set(structs(text)[name].keys.values())


def properties(root: Path, name: str) -> set[str]:
    """Return the properties of an object of the schema; the whole file's has an empty name."""
    whole = json.loads((root / "docs/protocol/device.schema.json").read_text())
    return set((whole["$defs"][name] if name else whole["$defs"]["DeviceFile"])["properties"])


def number(text: str, name: str) -> float | None:
    """Return a constant of Swift by the name that it has in Python."""
    first, *others = name.lower().split("_")
    swift = first + "".join(word.title() for word in others)
    found = re.findall(rf"\blet {swift} = ([0-9_.]+)", text)
    return float(found[0].replace("_", "")) if len(found) == 1 else None


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_the_keys_of_its_schema(root: Path, name: str) -> None:
    file, of = MODELS[name]
    # every JSON object here is of version 1, which the reader of all files checks
    wanted = properties(root, of) - {"schema_version"}
    assert keys_of((root / CORE / file).read_text(), name) == wanted


def test_a_model_with_another_key_is_found(root: Path) -> None:
    text = (root / CORE / "DeviceIndex.swift").read_text().replace("least_mib", "leastMib")
    assert keys_of(text, "IndexSoc") != properties(root, "IndexSoc")


@pytest.mark.parametrize("file", NUMBERS)
def test_the_numbers_of_swift_are_those_of_the_reference(root: Path, file: str) -> None:
    module, names = NUMBERS[file]
    text = (root / CORE / file).read_text()
    for name in names:
        assert number(text, name) == getattr(module, name), name
    changed = re.sub(r"\b(let \w+ = [0-9])", r"\g<1>9", text)
    assert [name for name in names if number(changed, name) == getattr(module, name)] == []


def stream_faults(text: str) -> list[str]:
    """Return where code opens a stream of anything but a step that was decided on."""
    code = code_of(text)
    calls = re.findall(r"MatteStream\.make\(\s*([^)]*?)\s*\)", code)
    return [call for call in calls if not re.fullmatch(r"bundle, [\w.\[\]]+, on: [\w.]+", call)]


def test_a_camera_runs_the_file_that_the_lock_chose(root: Path) -> None:
    harness = root / "ios_harness"
    files = [*(harness / "Sources").rglob("*.swift"), *(harness / "App").rglob("*.swift")]
    texts = {path.name: path.read_text() for path in files}
    assert sum(text.count("MatteStream.make(") for text in texts.values()) == 4
    assert [fault for text in texts.values() for fault in stream_faults(text)] == []
    stream = code_of(texts["MatteStream.swift"])
    assert "try Manifest.read(bundle).program(of: step)" in stream
    assert not re.search(r"\$0\.(?:tier|recipe|format)\b", stream)
    assert "$0.path == path" in code_of(texts["Manifest.swift"])


def test_a_stream_of_a_tier_and_a_recipe_is_found() -> None:
    call = "MatteStream.make(\n    bundle, tier: step.tier, recipe: step.recipe, on: asked)"
    assert stream_faults(call) == ["bundle, tier: step.tier, recipe: step.recipe, on: asked"]
