"""Files in the runtimes' builds for 64-bit Arm, on emulated processors.

All networks and processors: ``pocketmatte verify BUNDLE --runtime arm64:PROCESSOR``; here the one
that takes least.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from export.artifact import sha256_of
from export.manifest import read_manifest
from pocketmatte.cli import run
from pocketmatte.native.arm_python import PYTHON_FOLDER, read_arm_python
from pocketmatte.native.budget import SHARE, libraries_digest, over_budget, read_counts_file
from pocketmatte.native.emulation import CPUS
from pocketmatte.runtimes.arm64 import ARM_RUNNER, BUILT
from pocketmatte.verify import verify
from runtime_tests.instruction_counts import BUDGET, ROWS, counted
from tiers.errors import RuntimeUnavailableError

PART = ("--network", "scribble", "--tier", "t01", "--recipe", "fp32,fp16")
PROCESSOR = "arm64:cortex-a76"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a maker of bundles in one format."""
    kept: dict[str, Path] = {}

    def make(form: str) -> Path:
        if form not in kept:
            out = tmp_path_factory.mktemp(form) / "bundle"
            assert run(["build", *PART, "--format", form, "--out", str(out)]) == 0
            kept[form] = out
        return kept[form]

    return make


@pytest.fixture
def at_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand where ``build/native`` is."""
    monkeypatch.chdir(root)


def statuses(bundle: Path, processor: str = PROCESSOR) -> dict[str, str]:
    found = verify(bundle, frames=1, threads=1, foreign=processor)
    return {verdict.path: verdict.status for verdict in found}


@pytest.mark.usefixtures("at_root", "arm_runner")
def test_executorch_files_are_proven_on_arm_and_a_changed_one_fails(
    built: Callable[[str], Path], tmp_path: Path
) -> None:
    bundle = shutil.copytree(built("executorch"), tmp_path / "bundle")
    one, other = (f"scribble/t01/correct-{recipe}.pte" for recipe in ("fp32", "fp16"))
    assert statuses(bundle) == {one: "proven", other: "proven"}
    swap(bundle, one, built("executorch") / other)
    assert statuses(bundle) == {one: "failed", other: "proven"}


@pytest.mark.usefixtures("at_root")
@pytest.mark.parametrize("processor", CPUS)
def test_onnx_files_are_proven_on_arm(
    built: Callable[[str], Path], root: Path, processor: str
) -> None:
    try:
        read_arm_python(root / BUILT / PYTHON_FOLDER)
    except RuntimeUnavailableError as error:
        pytest.skip(f"not run: {str(error).partition(' in ')[0]}")
    assert set(statuses(built("onnx"), f"arm64:{processor}").values()) == {"proven"}


@pytest.mark.usefixtures("at_root", "arm_runner")
def test_bench_tells_instructions_beside_latencies_and_asks_for_the_trace(
    built: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = shutil.copytree(built("executorch"), tmp_path / "bundle")
    bench = ["bench", str(bundle), "--runs", "5", "--seconds", "0.1", "--json"]
    capsys.readouterr()
    assert run([*bench, "--instructions", "cortex-a76"]) == 1
    assert "has no trace to replay; record one: pocketmatte trace" in capsys.readouterr().err
    assert run(["trace", str(bundle)]) == 0
    capsys.readouterr()
    assert run([*bench, "--instructions", "cortex-a76"]) == 0
    rows = json.loads(capsys.readouterr().out)["latencies"]
    counts = {row["path"]: row["instructions_per_frame"] for row in rows}
    assert counts.pop(None) is None
    single, half = (counts[f"scribble/t01/correct-{recipe}.pte"] for recipe in ("fp32", "fp16"))
    assert half < single  # a cortex-a76 computes twice as many halves at once
    budget = read_counts_file(BUDGET)
    if budget.libraries == libraries_digest(ARM_RUNNER):
        assert single == pytest.approx(budget.frames["scribble/t01/fp32"], rel=SHARE)


def swap(bundle: Path, path: str, source: Path) -> None:
    """Put another file in place, and say so in the manifest."""
    from export.manifest import write_manifest

    shutil.copy(source, bundle / path)
    manifest = read_manifest(bundle)
    changed = {"sha256": sha256_of(bundle / path), "size_bytes": (bundle / path).stat().st_size}
    entries = [
        entry.model_copy(update=changed) if entry.path == path else entry
        for entry in manifest.artifacts
    ]
    write_manifest(bundle, manifest.model_copy(update={"artifacts": entries}))


def test_no_frame_takes_more_instructions_than_its_budget(
    arm_runner: Path, root: Path, tmp_path: Path
) -> None:
    budget = read_counts_file(root / BUDGET)
    if budget.libraries != libraries_digest(arm_runner):
        pytest.skip("not run: the budget of instructions is of other libraries")
    found = counted(arm_runner, tmp_path)
    assert over_budget(found.frames, budget.frames) == []
    assert len(found.frames) == len(ROWS)
    lower = {name: int(count / 1.002) for name, count in budget.frames.items()}
    assert len(over_budget(found.frames, lower)) == len(ROWS)
