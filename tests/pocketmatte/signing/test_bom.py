import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from export.manifest import FILE_NAME as MANIFEST
from export.manifest import Manifest, read_manifest
from pocketmatte.signing.bom import FILE_NAME as BOM
from pocketmatte.signing.bom import bom_text
from pocketmatte.signing.bom_parts import Contents
from tests.pocketmatte.signing.vouched import FILE, FOLDER, PACKAGE, RECORD, TRACE

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document(signed_once: Path) -> Document:
    """Return the bill of materials of a signed bundle."""
    content: Document = json.loads((signed_once / BOM).read_text())
    return content


def component(document: Document, ref: str) -> Document:
    (found,) = (each for each in document["components"] if each["bom-ref"] == ref)
    return dict(found)


def properties(part: Document) -> dict[str, str]:
    return {each["name"]: each["value"] for each in part["properties"]}


def schema_fault(document: Document) -> str | None:
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document))
    return None if error is None else str(error.data)


def refs(part: Any) -> list[str]:
    """Every ``bom-ref`` in a part of the document."""
    if isinstance(part, dict):
        own = [part["bom-ref"]] if "bom-ref" in part else []
        return own + [ref for value in part.values() for ref in refs(value)]
    return [ref for value in part for ref in refs(value)] if isinstance(part, list) else []


def test_it_is_of_the_official_schema(document: Document) -> None:
    assert schema_fault(document) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: document.update(serialNumber="1"),
        lambda document: document["components"][0].update(type="model"),
        lambda document: document["components"][0].pop("name"),
        lambda document: document["components"][0]["modelCard"].update(tier="t01"),
    ],
)
def test_the_schema_finds_what_is_wrong(
    document: Document, damage: Callable[[Document], object]
) -> None:
    copy = json.loads(json.dumps(document))
    damage(copy)
    assert schema_fault(copy) is not None


def test_every_entry_of_the_manifest_is_a_component(signed_once: Path, document: Document) -> None:
    manifest = read_manifest(signed_once)
    (weights,) = manifest.weights
    assert {each["bom-ref"] for each in document["components"]} == {
        *(entry.path for entry in manifest.artifacts),
        PACKAGE,
        weights.path,
        TRACE,
        RECORD,
    }
    kinds = {each["bom-ref"]: each["type"] for each in document["components"]}
    assert {ref for ref, kind in kinds.items() if kind == "machine-learning-model"} == {
        *(entry.path for entry in manifest.artifacts),
        PACKAGE,
    }


def test_hashes_are_of_the_files_on_disk(signed_once: Path, document: Document) -> None:
    told = {
        (f"{each['bom-ref']}/{part['name']}" if part is not each else each["bom-ref"]): part
        for each in document["components"]
        for part in each.get("components", [each])
        if "hashes" in part
    }
    for path, part in told.items():
        expected = hashlib.sha256((signed_once / path).read_bytes()).hexdigest()
        assert part["hashes"] == [{"alg": "SHA-256", "content": expected}]
    weights = next(path for path in told if path.startswith("weights/"))
    assert {FILE, RECORD, weights, f"{FOLDER}/Data/weight.bin", f"{PACKAGE}/Manifest.json"} <= set(
        told
    )
    (held,) = document["metadata"]["component"]["hashes"]
    assert held["content"] == hashlib.sha256((signed_once / MANIFEST).read_bytes()).hexdigest()


def test_a_model_tells_its_size_its_tools_and_its_card(
    signed_once: Path, document: Document
) -> None:
    model = component(document, FILE)
    assert properties(model)["pocketmatte:size_bytes"] == str((signed_once / FILE).stat().st_size)
    assert properties(model)["pocketmatte:tool:torch"] == "2.13.0+cpu"
    assert model["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    card = properties(model["modelCard"])
    assert card["pocketmatte:weights:origin"] == "seeded for a test"
    assert [card[f"pocketmatte:{name}"] for name in ("network", "tier", "recipe")] == [
        "rvm", "t01", "fp32",
    ]  # fmt: skip
    parameters = model["modelCard"]["modelParameters"]
    assert parameters["inputs"] == [{"format": "frame: float32 1x1x4x8 in 0..1, test"}]


def test_tools_are_listed_once_with_where_they_come_from(document: Document) -> None:
    tools = document["metadata"]["tools"]["components"]
    assert {each["name"]: each.get("purl") for each in tools} == {
        "pocketmatte": None,
        "export.packing": None,
        "coremltools": "pkg:pypi/coremltools@9.0",
        "onnx": "pkg:pypi/onnx@1.23.2",
        "torch": "pkg:pypi/torch@2.13.0%2Bcpu",
    }
    assert len(tools) == 5


def test_models_depend_on_their_weights_and_packages_on_their_models(document: Document) -> None:
    on = {each["ref"]: each["dependsOn"] for each in document["dependencies"]}
    (weights,) = (ref for ref in on if ref.startswith("weights/"))
    rounded = FILE.replace("fp32", "w8a8")
    assert on[FILE] == on[TRACE] == [weights]
    assert on[rounded] == [RECORD, weights]
    assert on[PACKAGE] == [FOLDER, weights]
    assert on["bundle"] == sorted([FILE, rounded, FOLDER, PACKAGE, TRACE])


def test_names_are_unique_and_every_dependency_is_there(document: Document) -> None:
    names = refs(document)
    assert len(names) == len(set(names))
    on = {each["ref"]: each["dependsOn"] for each in document["dependencies"]}
    assert {name for needed in on.values() for name in needed} | set(on) <= set(names)


def test_nothing_in_it_is_of_the_day_or_of_chance(signed_once: Path, document: Document) -> None:
    assert "timestamp" not in json.dumps(document)
    assert re.fullmatch(
        r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-.{17}", document["serialNumber"]
    )
    other = of(read_manifest(signed_once), "0" * 64)
    assert other["serialNumber"] != document["serialNumber"]
    assert of(read_manifest(signed_once), "0" * 64) == other


@pytest.mark.parametrize(
    ("licence", "written"),
    [
        ("GPL-3.0", {"id": "GPL-3.0"}),
        ("LicenseRef-S-Lab-1.0", {"name": "LicenseRef-S-Lab-1.0"}),
        ("unknown", {"name": "unknown"}),
        ('ask "them"\nfirst', {"name": 'ask "them"\nfirst'}),
    ],
)
def test_a_licence_is_an_identifier_only_where_it_is_one(
    signed_once: Path, licence: str, written: Document
) -> None:
    manifest = read_manifest(signed_once)
    (weights,) = manifest.weights
    weights = weights.model_copy(update={"licence": licence, "path": None})
    document = of(manifest.model_copy(update={"weights": [weights]}), "0" * 64)
    assert schema_fault(document) is None
    made = component(document, f"weights:rvm:{weights.digest}")
    assert made["licenses"] == component(document, FILE)["licenses"] == [{"license": written}]
    assert "hashes" not in made


def of(manifest: Manifest, sha256: str) -> Document:
    """Return the document of a manifest all of whose files have one hash."""
    paths = sorted(
        {MANIFEST, RECORD, PACKAGE, TRACE, *(each.path for each in manifest.artifacts)}
        | {each.path for each in manifest.weights if each.path is not None}
    )
    contents = Contents(
        sha256=dict.fromkeys(paths, sha256), size_bytes=dict.fromkeys(paths, 1), paths=paths
    )
    document: Document = json.loads(bom_text(manifest, contents))
    return document
