import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.manifest import (
    Artifact,
    Frame,
    Manifest,
    ManifestWriter,
    Weights,
    contract_tensors,
    read_manifest,
    schema_text,
    write_manifest,
)
from tiers.contract_table import contracts
from tiers.errors import BundleError
from tiers.ladder import tier

DIGEST = "0123456789abcdef" * 4


def artifact(name: str) -> Artifact:
    spec = tier("rvm", name)
    (contract,) = contracts(spec)
    inputs, outputs, states = contract_tensors(contract, "float16")
    frame = Frame(
        output_hw=list(spec.output_hw),
        working_hw=list(spec.working_hw),
        orientation=spec.orientation,
        colour_order="RGB",
        low=0.0,
        high=1.0,
    )
    return Artifact(
        path=f"rvm/{name}/matte-fp16.onnx",
        network="rvm",
        tier=name,
        program=contract.name,
        format="onnx",
        recipe="fp16",
        sha256=DIGEST,
        size_bytes=1234,
        frame=frame,
        inputs=inputs,
        outputs=outputs,
        states=states,
        weights_digest=DIGEST,
        tools={"onnx": "1.23.2"},
        notes={"opset": 18, "outside": ["Resize"], "more": {"nothing": None}},
        build_key=DIGEST,
    )


def weights(path: str | None) -> Weights:
    return Weights(path=path, network="rvm", digest=DIGEST, origin="a test", licence="Apache-2.0")


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        schema_version=1,
        pocketmatte="0.1.0",
        weights=[weights("weights/rvm.safetensors"), weights(None)],
        artifacts=[artifact("t02"), artifact("t01")],
    )


@pytest.fixture
def altered(manifest: Manifest, tmp_path: Path) -> Callable[..., str]:
    """Return what a manifest with one value changed is refused with."""

    def refusal(value: Any, *where: str | int) -> str:
        content = manifest.model_dump(mode="json")
        inner: Any = content
        for step in where[:-1]:
            inner = inner[step]
        inner[where[-1]] = value
        (tmp_path / "manifest.json").write_text(json.dumps(content))
        return refused(tmp_path)

    return refusal


def refused(root: Path) -> str:
    with pytest.raises(BundleError) as caught:
        read_manifest(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_manifest_comes_back_in_the_order_of_its_paths(
    manifest: Manifest, tmp_path: Path
) -> None:
    write_manifest(tmp_path, manifest)
    read = read_manifest(tmp_path)
    assert [entry.path for entry in read.artifacts] == [
        "rvm/t01/matte-fp16.onnx",
        "rvm/t02/matte-fp16.onnx",
    ]
    assert sorted(read.artifacts, key=lambda a: a.tier, reverse=True) == manifest.artifacts


def test_a_manifest_that_grows_is_written_as_one_that_was_whole_at_once(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    formed = []
    form = Artifact.model_dump

    def noted(entry: Artifact, **options: Any) -> dict[str, Any]:
        formed.append(entry.path)
        return form(entry, **options)

    monkeypatch.setattr(Artifact, "model_dump", noted)
    writer = ManifestWriter()
    for count in range(len(manifest.artifacts) + 1):
        grown = manifest.model_copy(update={"artifacts": manifest.artifacts[:count]})
        writer.write(tmp_path, grown)
        expected = json.dumps(
            read_manifest(tmp_path).model_dump(mode="json"), indent=1, sort_keys=True
        )
        assert (tmp_path / "manifest.json").read_text("utf-8") == f"{expected}\n"
        assert read_manifest(tmp_path).artifacts == sorted(grown.artifacts, key=lambda a: a.path)
    assert formed == [entry.path for entry in manifest.artifacts]
    changed = manifest.artifacts[0].model_copy(update={"size_bytes": 7})
    writer.write(tmp_path, manifest.model_copy(update={"artifacts": [changed]}))
    assert read_manifest(tmp_path).artifacts == [changed]


def test_the_same_content_gives_the_same_bytes(manifest: Manifest, tmp_path: Path) -> None:
    write_manifest(tmp_path / "one", manifest)
    turned = manifest.model_copy(update={"artifacts": manifest.artifacts[::-1]})
    write_manifest(tmp_path / "two", turned)
    write_manifest(tmp_path / "three", read_manifest(tmp_path / "one"))
    texts = {(tmp_path / name / "manifest.json").read_bytes() for name in ("one", "two", "three")}
    assert len(texts) == 1
    assert str(tmp_path).encode() not in texts.pop()


def test_the_tensors_are_those_of_the_contract() -> None:
    (contract,) = contracts(tier("rvm", "t01"))
    entry = artifact("t01")
    for written, tensors in ((entry.inputs, contract.inputs), (entry.outputs, contract.outputs)):
        facts = [dataclasses.asdict(tensor) for tensor in tensors]
        for each in facts:
            each.pop("picture")  # the notes of the image variant list its images
        assert [{**each, "shape": list(each["shape"]), "dtype": "float16"} for each in facts] == [
            tensor.model_dump() for tensor in written
        ]
    assert [state.model_dump() for state in entry.states] == [
        dataclasses.asdict(state) for state in contract.states
    ]


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path) == (
        f"{tmp_path} holds no manifest.json; give the folder that pocketmatte build wrote"
    )


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"schema_version": 1}', b"[" * 5000],
    ids=["empty", "cut", "list", "null", "not-text", "fields-missing", "deep"],
)
def test_a_broken_manifest_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(data)
    message = refused(tmp_path)
    assert message.startswith(f"{tmp_path / 'manifest.json'} ")
    assert message.endswith("; build it again")


def test_a_truncated_manifest_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest)
    path = tmp_path / "manifest.json"
    path.write_bytes(path.read_bytes()[:500])
    assert "is no manifest: the whole file: Invalid JSON: EOF while parsing" in refused(tmp_path)


@pytest.mark.parametrize(
    ("value", "where", "message"),
    [
        (2, ("schema_version",), "schema_version: Input should be 1"),
        ("1", ("schema_version",), "schema_version: Input should be 1"),
        ("x", ("made_at",), "made_at: Extra inputs are not permitted"),
        (True, ("artifacts", 0, "hidden"), "artifacts.0.hidden: Extra inputs are not permitted"),
        ("1234", ("artifacts", 0, "size_bytes"), "size_bytes: Input should be a valid integer"),
        (DIGEST.upper(), ("artifacts", 1, "sha256"), "sha256: String should match pattern"),
        (DIGEST[1:], ("weights", 0, "digest"), "digest: String should match pattern"),
        ("float64", ("artifacts", 0, "inputs", 0, "dtype"), "'float32' or 'float16'"),
        ("BGR", ("artifacts", 0, "frame", "colour_order"), "Input should be 'RGB'"),
        (float("nan"), ("artifacts", 0, "frame", "low"), "Input should be a finite number"),
    ],
)
def test_a_manifest_that_breaks_the_schema_is_refused(
    altered: Callable[..., str], value: Any, where: tuple[str | int, ...], message: str
) -> None:
    text = altered(value, *where)
    assert "manifest.json is no manifest: " in text
    assert message in text
    assert text.endswith("; build it again")


@pytest.mark.parametrize("path", ["../x.onnx", "/etc/hostname", "a\\b", "a/../../b", "", "a\0b"])
@pytest.mark.parametrize("where", ["artifacts", "weights"])
def test_a_manifest_that_leads_outside_is_refused(
    altered: Callable[..., str], path: str, where: str
) -> None:
    assert f"path {path!r} leads outside the bundle" in altered(path, where, 0, "path")


def test_a_link_in_the_bundle_that_leads_outside_is_refused(
    manifest: Manifest, tmp_path: Path
) -> None:
    root = tmp_path / "bundle"
    write_manifest(root, manifest)
    (root / "rvm").symlink_to(tmp_path)
    assert "path 'rvm/t01/matte-fp16.onnx' leads outside the bundle" in refused(root)


def test_the_committed_schema_is_that_of_the_code(root: Path) -> None:
    committed = root / "docs" / "manifest.schema.json"
    assert committed.read_text() == schema_text(), "write it again with export.manifest.schema_text"


def test_the_schema_takes_no_unknown_field() -> None:
    schema = json.loads(schema_text())
    parts = [schema, *(part for part in schema["$defs"].values() if part.get("type") == "object")]
    assert {part["title"] for part in parts} >= {"Manifest", "Artifact", "Tensor", "Weights"}
    assert all(part["additionalProperties"] is False for part in parts)
