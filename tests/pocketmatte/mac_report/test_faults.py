"""What goes wrong with one package on a Mac is told, and costs nothing of the others."""

import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from export.manifest import Artifact, Manifest
from pocketmatte import mac_report
from pocketmatte.mac_report import Seen, seen_on
from pocketmatte.runtimes.protocol import FloatArray, Runtime
from tests.pocketmatte.mac_report.conftest import (
    FIRST,
    SECOND,
    Change,
    File,
    Programs,
    Units,
    infinite,
    refused,
    shifted,
)
from tiers.errors import BundleError, CheckpointError


def seen(
    root: Path,
    programs: Programs,
    *,
    own: Mapping[str, Change | None] | None = None,
    evaluated: Mapping[str, Change | None] | None = None,
    frames: int = 3,
) -> dict[tuple[str, str], Seen]:
    """Return what is found of the first tier's packages, by runtime and program."""
    runtimes: dict[str, Runtime] = {"coreml": Units("coreml", programs.reference, own or {})}
    evaluator = Units("evaluator", programs.reference, evaluated or {})
    rows = seen_on(root, runtimes, evaluator, frames=frames)
    return {
        (each.runtime, Path(each.path).stem): each
        for each in rows
        if Path(each.path).parts[1] == "t01"
    }


@pytest.mark.usefixtures("manifest")
def test_what_is_right_everywhere_ran(tmp_path: Path, programs: Programs) -> None:
    found = seen(tmp_path, programs)
    assert {each.verdict for each in found.values()} == {"ran"}
    assert [each.reasons() for each in found.values()] == [()] * 4
    for program in (FIRST, SECOND):
        parity = found["coreml", program].against_evaluator
        assert parity is not None
        assert set(parity.max_abs.values()) == {0.0}


@pytest.mark.usefixtures("manifest")
def test_an_evaluator_that_gives_infinity_is_told_and_pytorch_is_not_blamed(
    tmp_path: Path, programs: Programs
) -> None:
    found = seen(tmp_path, programs, evaluated={FIRST: infinite})
    own = found["evaluator", FIRST]
    assert own.verdict == "failed"
    assert own.against_torch is not None
    assert "holds NaN or infinity in call 1" in own.against_torch.failures[0]
    for program in (FIRST, SECOND):
        other = found["coreml", program]
        assert other.verdict == "ran"
        assert other.against_torch is not None
        assert other.against_evaluator is None
        assert other.uncompared == "the evaluator gives NaN or infinity in alpha"


@pytest.mark.usefixtures("manifest")
def test_an_evaluator_that_gives_up_while_running_leaves_the_comparison_with_pytorch(
    tmp_path: Path, programs: Programs
) -> None:
    found = seen(tmp_path, programs, evaluated={SECOND: refused})
    assert found["evaluator", SECOND].verdict == "failed"
    other = found["coreml", FIRST]
    assert other.against_torch is not None
    assert other.uncompared == "Core ML cannot run it"


@pytest.mark.usefixtures("manifest")
def test_nothing_is_said_to_lie_off_an_evaluator_that_refused_the_package(
    tmp_path: Path, programs: Programs
) -> None:
    found = seen(tmp_path, programs, own={FIRST: shifted}, evaluated={FIRST: None})
    unknown = f"Core ML refuses rvm/t01/{FIRST}.coreml on 1 thread(s)"
    assert (found["evaluator", FIRST].verdict, found["evaluator", FIRST].refused) == (
        "refused",
        unknown,
    )
    first, second = found["coreml", FIRST], found["coreml", SECOND]
    assert (first.verdict, first.against_evaluator, first.uncompared) == ("failed", None, unknown)
    # nor is the second blamed for what the first handed on
    assert second.against_evaluator is not None
    assert set(second.against_evaluator.free_max_abs.values()) == {0.0}


@pytest.mark.usefixtures("manifest")
def test_a_program_that_is_never_called_did_not_run(tmp_path: Path, programs: Programs) -> None:
    found = seen(tmp_path, programs, frames=1)
    assert found["coreml", FIRST].verdict == "ran"
    never = found["coreml", SECOND]
    assert (never.verdict, never.against_torch) == ("not called", None)
    assert never.uncompared == "1 frame(s) never call it; take more --frames"


@pytest.mark.usefixtures("manifest")
def test_a_package_that_lies_off_the_evaluator_alone_fails(
    tmp_path: Path, programs: Programs
) -> None:
    def by(amount: float) -> Change:
        return lambda outputs: {name: a + np.float32(amount) for name, a in outputs.items()}

    # 40 dB are asked of features: 0.008 is 42 dB, and the two lie 36 dB apart
    found = seen(tmp_path, programs, own={SECOND: by(0.008)}, evaluated={SECOND: by(-0.008)})
    both = found["coreml", SECOND]
    assert both.against_torch is not None
    assert both.against_torch.passed
    assert both.against_evaluator is not None
    assert not both.against_evaluator.passed
    assert both.verdict == "failed"
    assert found["evaluator", SECOND].verdict == "ran"


@pytest.mark.usefixtures("manifest")
def test_failures_name_the_evaluator_where_they_are_of_it_and_no_folder(
    tmp_path: Path, programs: Programs
) -> None:
    runs = itertools.count()

    def fail(outputs: Mapping[str, FloatArray]) -> Mapping[str, FloatArray]:
        if next(runs) % 2 == 0:  # its own rollout's first call
            return outputs
        msg = f"Core ML cannot run {tmp_path}/rvm/t01/m.mlpackage"
        raise BundleError(msg)

    found = seen(tmp_path, programs, own={FIRST: fail})
    own = found["coreml", FIRST]
    assert own.verdict == "failed"
    assert own.reasons() == (
        "Core ML cannot run rvm/t01/m.mlpackage, in call 1 from PyTorch's inputs",
        "Core ML cannot run rvm/t01/m.mlpackage, in call 1 from the evaluator's inputs",
    )


@pytest.mark.usefixtures("manifest")
def test_a_tier_that_cannot_be_opened_is_told_and_the_next_one_runs(
    tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(root: Path, _: Manifest, same_tier: list[Artifact], threads: int) -> Programs:
        if same_tier[0].tier == "t01":
            msg = f"{root}/weights/one.safetensors is corrupt ({threads})"
            raise CheckpointError(msg)
        return programs

    monkeypatch.setattr(mac_report, "open_group", opened)
    runtimes = {"coreml": Units("coreml", programs.reference, {})}
    evaluator = Units("evaluator", programs.reference, {})
    tiers: list[str] = []
    rows = list(seen_on(tmp_path, runtimes, evaluator, frames=2, on_tier=tiers.append))
    verdicts = {(Path(each.path).parts[1], each.verdict) for each in rows}
    assert verdicts == {("t01", "not compared"), ("t02", "ran")}
    assert {each.uncompared for each in rows} == {"weights/one.safetensors is corrupt (1)", None}
    assert (len(rows), tiers) == (8, ["rvm t01", "rvm t02"])


@pytest.mark.usefixtures("manifest")
def test_weights_that_give_infinity_in_pytorch_are_told_of_every_package(
    tmp_path: Path, programs: Programs
) -> None:
    broken = dataclasses.replace(
        programs, reference={**programs.reference, FIRST: File(programs.reference[FIRST], infinite)}
    )
    runtimes = {"coreml": Units("coreml", programs.reference, {})}
    evaluator = Units("evaluator", programs.reference, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mac_report, "open_group", lambda *_: broken)
        rows = list(seen_on(tmp_path, runtimes, evaluator, frames=2))
    assert {each.verdict for each in rows} == {"not compared"}
    assert {each.uncompared for each in rows} == {"PyTorch gives NaN or infinity in alpha"}
