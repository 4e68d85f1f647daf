import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.manifest import FILE_NAME, read_manifest
from export.targets import TARGETS
from pocketmatte.commands.running import RUNTIME_FORMATS
from tests.pocketmatte.matted import Matter, assert_files, frames, write
from tiers.ladder import tier
from tiers.weights import default


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
def test_a_tier_without_trained_weights_is_refused(
    cli: Callable[..., Any], tmp_path: Path, runtime: str
) -> None:
    source, out = write(tmp_path / "clip.mp4", frames()), tmp_path / "out"
    said = cli("matte", source, "--tier", "t12", "--runtime", runtime, "--out", out)
    message = "no trained weights of t12 are shipped; give --weights FILE, or take t01 to t11"
    assert said.refusal(1) == message
    assert not list(out.iterdir())


def test_a_file_that_was_built_untrained_is_refused(
    cli: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    manifest = bundle / FILE_NAME
    content = json.loads(manifest.read_text())
    content["weights"][0]["path"] = None  # as of a tier whose weights are made from a seed
    manifest.write_text(json.dumps(content))
    source, out = write(tmp_path / "clip.mp4", frames()), tmp_path / "out"
    words = ("--tier", "t01", "--runtime", "onnxruntime", "--bundle", bundle, "--out", out)
    assert cli("matte", source, *words).refusal(1) == (
        "rvm/t01/matte-fp32.onnx was built from untrained weights; "
        "build it with --weights FILE, or take t01 to t11"
    )


def test_the_weights_are_named(matter: Matter, bundle: Path, tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mp4", frames(1))
    given = matter.matted(clip)["weights"]
    (held,) = read_manifest(bundle).weights
    assert given == {"origin": "seeded for a test", "digest": held.digest}
    words = ("--tier", "t01", "--runtime", "onnxruntime", "--bundle", bundle)
    said = matter.cli("matte", clip, *words, "--out", tmp_path / "again", "--json")
    assert said.json()["weights"] == given
    said = matter.cli("matte", clip, "--tier", "t01", "--out", tmp_path / "shipped", "--json")
    assert said.json()["weights"]["digest"] == default(tier("rvm", "t01")).sha256


def test_every_runtime_of_a_format_can_be_chosen_and_core_ml_runs_the_tensor_package() -> None:
    assert set(RUNTIME_FORMATS) == {"torch", *(row.runtime for row in TARGETS.values())}
    assert (RUNTIME_FORMATS["torch"], RUNTIME_FORMATS["coreml"]) == (None, "coreml")


def test_a_bundles_file_mattes_as_pytorch_does(
    matter: Matter, bundle: Path, tmp_path: Path
) -> None:
    clip = write(tmp_path / "clip.mp4", frames(2, (144, 256)))
    expected = matter.matted(clip)["matted"]["mean_alpha"]
    words = ("--tier", "t01", "--runtime", "onnxruntime", "--bundle", bundle, "--threads", 1)
    said = matter.cli("matte", clip, *words, "--out", tmp_path / "again", "--json")
    assert said.json()["runtime"]["runtime"] == "onnxruntime"
    assert said.json()["matted"]["mean_alpha"] == pytest.approx(expected, abs=1e-5)
    assert 1e-3 < expected < 1 - 1e-3  # seeded weights: some of the frame, whatever it is


def test_a_bundle_without_the_portrait_file_is_refused_with_what_it_holds(
    matter: Matter, bundle: Path, tmp_path: Path
) -> None:
    clip = write(tmp_path / "clip.mp4", frames(1, (64, 48)))
    words = ("--tier", "t01", "--runtime", "onnxruntime", "--bundle", bundle)
    said = matter.cli("matte", clip, *words, "--out", matter.out)
    assert said.refusal(2) == (
        f"{bundle} holds no onnx fp32 portrait file of t01; of this tier it holds "
        "onnx fp16 landscape, onnx fp32 landscape"
    )


def test_without_a_bundle_the_file_is_built_beside_the_results(
    matter: Matter, bundle: Path, tmp_path: Path
) -> None:
    bundle.rename(tmp_path / "out-bundle")
    matter.out.mkdir()
    (tmp_path / "out-bundle").rename(matter.out / "bundle")  # as an earlier run left it
    clip = write(tmp_path / "clip.mp4", frames())
    assert_files(matter.matted(clip, "--runtime", "onnxruntime"), 2, (48, 64))
