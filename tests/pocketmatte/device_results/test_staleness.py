"""A result of other files than a bundle holds is stale, and is not taken for one of these."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.artifact import sha256_of
from export.manifest import Artifact, Frame, Manifest, ReferenceTrace, write_manifest
from pocketmatte.device_results.adding import add
from pocketmatte.device_results.staleness import stale_for
from tests.pocketmatte.device_results.made import kept, made, written
from tests.pocketmatte.harness.results import DIGEST
from tiers.errors import BundleError

OTHER = "f" * 64


def artifact(**changes: Any) -> Artifact:
    frame = Frame(
        output_hw=[8, 8], working_hw=[8, 8], orientation="landscape", colour_order="RGB",
        low=0.0, high=1.0,
    )  # fmt: skip
    fields: dict[str, Any] = {
        "path": "rvm/t04/matte-fp32.pte", "network": "rvm", "tier": "t04", "program": "matte",
        "format": "executorch", "recipe": "fp32", "sha256": DIGEST, "size_bytes": 12,
        "frame": frame, "inputs": [], "outputs": [], "states": [], "weights_digest": DIGEST,
        "tools": {}, "notes": {}, "build_key": DIGEST,
    }  # fmt: skip
    return Artifact(**{**fields, **changes})


@pytest.fixture
def bundle(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of bundles whose files are described and not there."""

    def make(*artifacts: Artifact, traced: bool = False) -> Path:
        root = tmp_path / "bundle"
        traces = []
        if traced:
            trace = written(root / "traces" / "rvm" / "t04" / "trace.json", {"a": "trace"})
            traces = [
                ReferenceTrace(
                    path="traces/rvm/t04", network="rvm", tier="t04", orientation="landscape",
                    frames=8, sha256=DIGEST, size_bytes=trace.stat().st_size,
                    weights_digest=DIGEST,
                )
            ]  # fmt: skip
        manifest = Manifest(
            schema_version=1, pocketmatte="1", weights=[], artifacts=list(artifacts), traces=traces
        )
        root.mkdir(exist_ok=True)
        write_manifest(root, manifest)
        return root

    return make


def test_a_result_of_the_files_of_the_bundle_is_taken(bundle: Callable[..., Path]) -> None:
    root = bundle(artifact(), artifact(path="b", recipe="fp16"))
    assert stale_for(root)(kept(made()).result) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sha256": OTHER}, f"is {DIGEST[:12]}... in the result, {OTHER[:12]}... in the manifest"),
        ({"size_bytes": 13}, "is of another program or size"),
        ({"program": "other"}, "is of another program or size"),
        ({"path": "rvm/t04/other.pte"}, "is no file of rvm t04 landscape executorch fp32 in"),
        ({"weights_digest": OTHER}, "it is of other weights"),
        ({"tier": "t05"}, "the bundle holds nothing of rvm t04 landscape executorch fp32"),
        ({"recipe": "fp16"}, "the bundle holds nothing of rvm t04"),
        ({"format": "onnx"}, "the bundle holds nothing of rvm t04"),
    ],
)
def test_a_result_of_other_files_is_stale(
    bundle: Callable[..., Path], changes: dict[str, Any], reason: str
) -> None:
    found = stale_for(bundle(artifact(**changes)))(kept(made()).result)
    assert found is not None
    assert found.startswith("stale: ")
    assert reason in found
    assert found.endswith("; run it again on this bundle")


def test_a_result_that_ran_without_one_of_the_programs_is_stale(
    bundle: Callable[..., Path],
) -> None:
    root = bundle(artifact(), artifact(path="rvm/t04/more-fp32.pte", program="more"))
    assert "it ran without rvm/t04/more-fp32.pte" in str(stale_for(root)(kept(made()).result))


def test_a_result_that_was_held_to_another_trace_is_stale(bundle: Callable[..., Path]) -> None:
    root = bundle(artifact(), traced=True)
    trace = root / "traces" / "rvm" / "t04" / "trace.json"
    found = stale_for(root)(kept(made()).result)
    assert "it was held to another trace than traces/rvm/t04/trace.json" in str(found)
    true = made("one", None, lambda r: r["subject"].update(trace_sha256=sha256_of(trace)))
    assert stale_for(root)(kept(true).result) is None


def test_the_stale_are_refused_and_the_others_added(
    bundle: Callable[..., Path], tmp_path: Path
) -> None:
    def of_others(result: dict[str, Any]) -> None:
        result["subject"]["files"][0]["sha256"] = OTHER

    good = written(tmp_path / "in" / "good.json", made())
    stale = written(tmp_path / "in" / "stale.json", made("two", None, of_others))
    found = add([stale, good], tmp_path / "store", stale_for(bundle(artifact())))
    assert len(found.added) == 1
    (line,) = found.refused
    assert line.startswith(f"{stale}: stale: rvm/t04/matte-fp32.pte is {OTHER[:12]}...")


def test_a_missing_trace_refuses_each_result_and_a_broken_manifest_all(
    bundle: Callable[..., Path], tmp_path: Path
) -> None:
    root = bundle(artifact(), traced=True)
    (root / "traces" / "rvm" / "t04" / "trace.json").unlink()
    file = written(tmp_path / "in" / "a.json", made())
    assert "trace.json is missing" in add([file], tmp_path / "store", stale_for(root)).refused[0]
    (root / "manifest.json").write_text(json.dumps({"schema_version": 2}))
    with pytest.raises(BundleError, match="is no manifest"):
        stale_for(root)
