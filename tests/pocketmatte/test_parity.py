import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pocketmatte.matting.board import Run
from pocketmatte.parity import Candidate, compare, compare_all, frame_by_frame
from pocketmatte.parity_figures import Parity
from pocketmatte.runtimes.protocol import FloatArray, Session
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.scene import standard_scene
from pocketmatte.signal_errors import drift_ratio
from pocketmatte.tolerances import DRIFT_FRAMES, LIMITS, STEP_EVERY, limits
from tiers.contract import ProgramContract
from tiers.contract_table import contracts
from tiers.errors import BundleError, CheckpointError, UnknownRecipeError
from tiers.ladder import tier
from tiers.networks.rvm import Rvm, programs
from tiers.rows.rvm import RvmShape

Make = Callable[..., nn.Module]


BRIGHT, DARK = 255 / 256, 1 / 256  # next to 1 and 0, which could have been set


def _frames(count: int, value: float = BRIGHT, corner: float = DARK) -> Iterator[FloatArray]:
    frame = np.full((8, 16, 3), value, dtype=np.float32)
    frame[0, 0] = corner  # of 128 pixels one, so that alpha spans something
    for _ in range(count):
        yield frame


def _compare_several(
    reference: Session,
    candidates: Mapping[str, Session],
    contract: ProgramContract,
    recipes: Mapping[str, str],
    frames: Iterator[FloatArray],
) -> dict[str, Parity]:
    given = {
        name: Candidate(recipe=recipes[name], sessions={contract.name: session})
        for name, session in candidates.items()
    }
    sessions, play = {contract.name: reference}, frame_by_frame(contract)
    found = compare_all(sessions, given, (contract,), play, frames)
    return {name: parities[contract.name] for name, parities in found.items()}


class BrightRoot(nn.Module):
    """NaN wherever the frame is darker than a half."""

    def forward(self, frame: Tensor, r1: Tensor) -> tuple[Tensor, Tensor]:
        return (frame[:, :1] - 0.5).sqrt(), r1 * 1.0


class Stuttering:
    """A session that gives infinity in its second run only."""

    facts: ClassVar[Mapping[str, str | int]] = {}

    def __init__(self, session: Session) -> None:
        self.session, self.runs = session, 0

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        self.runs += 1
        outputs = self.session.run(inputs)
        return {**outputs, "r1_next": outputs["r1_next"] + np.inf} if self.runs == 2 else outputs

    def close(self) -> None:
        """Nothing is held."""


class Counted:
    """A session that counts its runs."""

    facts: ClassVar[Mapping[str, str | int]] = {}

    def __init__(self, session: Session) -> None:
        self.session, self.runs = session, 0

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        self.runs += 1
        return self.session.run(inputs)

    def close(self) -> None:
        """Nothing is held."""


class Refusing:
    """A session whose runtime gives up at once."""

    facts: ClassVar[Mapping[str, str | int]] = {}

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        msg = f"it cannot run with {len(inputs)} inputs"
        raise BundleError(msg)

    def close(self) -> None:
        """Nothing is held."""


def test_a_runtime_that_gives_up_fails_its_file_and_no_other(
    running: Make, running_contract: ProgramContract
) -> None:
    session = TorchSession(running(), running_contract, 1)
    candidates: dict[str, Session] = {"refusing": Refusing(), "same": session}
    names = dict.fromkeys(candidates, "fp32")
    parities = _compare_several(session, candidates, running_contract, names, _frames(2))
    assert parities["refusing"].failures == ("it cannot run with 2 inputs, in call 1",)
    assert parities["same"].passed


def test_a_program_equals_itself_and_its_parity_is_plain_json(
    running: Make, running_contract: ProgramContract
) -> None:
    session = TorchSession(running(keep=0.9), running_contract, 1)
    parity = compare(session, session, running_contract, "fp32", _frames(DRIFT_FRAMES))
    assert parity.passed
    assert parity.frames == DRIFT_FRAMES
    assert parity.max_abs == {"alpha": 0.0, "r1_next": 0.0}
    assert parity.psnr_db == {"alpha": None, "r1_next": None}
    assert parity.drift == 0
    low, high = parity.reference_range["alpha"]
    reached = 1 - 0.9**DRIFT_FRAMES
    assert (low, high) == pytest.approx((0.1 * DARK, BRIGHT * reached), abs=1e-5)
    assert json.loads(json.dumps(dataclasses.asdict(parity)))["psnr_db"]["alpha"] is None


def test_a_perturbed_weight_fails_fp32_and_says_by_how_much(
    running: Make, running_contract: ProgramContract
) -> None:
    reference = TorchSession(running(), running_contract, 1)
    candidate = TorchSession(running(gain=0.99), running_contract, 1)
    parity = compare(reference, candidate, running_contract, "fp32", _frames(3))
    assert not parity.passed
    assert parity.failures == (
        "max abs of alpha is 1.0e-02; the limit is 5.0e-05",
        "PSNR of alpha is 40.1 dB; the limit is 70.0 dB",
        "max abs of r1_next is 1.0e-02; the limit is 5.0e-05",
        "PSNR of r1_next is 40.1 dB; the limit is 70.0 dB",
    )


def test_fp16_holds_alpha_to_more_than_what_is_not_seen(
    running: Make, running_contract: ProgramContract
) -> None:
    reference = TorchSession(running(), running_contract, 1)
    near, far, wrong = (
        TorchSession(running(gain=g), running_contract, 1) for g in (0.998, 0.99, 0.98)
    )
    assert compare(reference, near, running_contract, "fp16", _frames(3)).passed
    alpha = "PSNR of alpha is 40.1 dB; the limit is 50.0 dB"
    assert compare(reference, far, running_contract, "fp16", _frames(3)).failures == (alpha,)
    assert compare(reference, wrong, running_contract, "fp16", _frames(3)).failures == (
        "PSNR of alpha is 34.0 dB; the limit is 50.0 dB",
        "PSNR of r1_next is 34.0 dB; the limit is 40.0 dB",
    )


def test_one_perturbed_weight_of_a_tier_fails_fp32() -> None:
    spec = tier("rvm", "t01")
    (contract,) = contracts(spec)
    torch.manual_seed(0)
    network = Rvm(spec.shaped(RvmShape))
    # Weights as small as PyTorch draws them fade out on the way: unit gain keeps them alive.
    for parameter in network.parameters():
        if parameter.ndim == 4:
            nn.init.kaiming_normal_(parameter)
    perturbed = Rvm(spec.shaped(RvmShape))
    perturbed.load_state_dict(network.state_dict())
    with torch.no_grad():
        perturbed.get_parameter("project_mat.conv.weight")[3, 0, 0, 0] += 1e-2
    frame = next(standard_scene(spec, 1)).frame
    reference, candidate = (
        TorchSession(programs(each, spec)["matte"], contract, 1) for each in (network, perturbed)
    )
    assert compare(reference, reference, contract, "fp32", [frame]).passed
    parity = compare(reference, candidate, contract, "fp32", [frame])
    largest = parity.max_abs["alpha"]
    assert f"max abs of alpha is {largest:.1e}; the limit is 5.0e-05" in parity.failures


def test_a_leaking_state_fails_drift_though_every_frame_is_within_the_limits(
    running: Make, running_contract: ProgramContract
) -> None:
    reference = TorchSession(running(keep=0.98), running_contract, 1)
    candidate = TorchSession(running(keep=0.98, leak=5e-7), running_contract, 1)
    parity = compare(reference, candidate, running_contract, "fp32", _frames(60))
    assert max(parity.max_abs.values()) < limits("fp32").max_abs  # type: ignore[operator]
    assert parity.drift is not None
    assert 2 < parity.drift < 2.5
    assert parity.failures == (f"alpha drifts by a factor of {parity.drift:.1f}; the limit is 1.5",)


def test_drift_is_not_judged_on_a_short_sequence(
    running: Make, running_contract: ProgramContract
) -> None:
    reference = TorchSession(running(keep=0.98), running_contract, 1)
    candidate = TorchSession(running(keep=0.98, leak=5e-7), running_contract, 1)
    frames = _frames(DRIFT_FRAMES - 1)
    parity = compare(reference, candidate, running_contract, "fp32", frames)
    assert parity.drift is None
    assert parity.passed


def test_rounding_noise_that_grows_below_the_floor_is_no_drift() -> None:
    errors = [1e-8] * 30 + [1e-7] * 30
    assert drift_ratio(errors, floor=1e-6) == pytest.approx(0.1)
    assert drift_ratio(errors, floor=1e-9) == pytest.approx(10)


def test_an_error_that_comes_and_goes_with_the_content_is_no_drift() -> None:
    lap = [1e-6] * 20 + [1e-4] * 6
    assert drift_ratio(lap + lap, floor=1e-6) == pytest.approx(1)
    without_the_given_frame = lap[1:] + lap
    assert drift_ratio(without_the_given_frame, floor=1e-6) == pytest.approx(1)


def test_an_error_that_grows_steadily_is_three_times_as_large_in_the_second_half() -> None:
    grown = [1e-5 * (frame + 0.5) for frame in range(DRIFT_FRAMES)]
    assert drift_ratio(grown, floor=1e-6) == pytest.approx(3)


def test_nan_is_a_failure_by_itself_and_names_the_call(
    running_contract: ProgramContract, running: Make
) -> None:
    reference = TorchSession(running(), running_contract, 1)
    candidate = TorchSession(BrightRoot(), running_contract, 1)
    frames = [*_frames(2, 0.9, corner=1.0), *_frames(2, 0.1)]
    parity = compare(reference, candidate, running_contract, "fp16", frames)
    assert parity.failures == ("alpha holds NaN or infinity in call 3",)
    assert parity.frames == 3


def test_a_value_that_is_not_finite_in_one_step_alone_is_a_failure(
    running: Make, running_contract: ProgramContract
) -> None:
    session = TorchSession(running(), running_contract, 1)
    stuttering = Stuttering(session)
    parity = compare(session, stuttering, running_contract, "fp16", _frames(20))
    assert parity.failures == ("r1_next holds NaN or infinity in call 1 from PyTorch's inputs",)
    assert stuttering.runs == 2  # nothing more is asked of it


def test_a_program_that_is_called_now_and_then_is_stepped_at_round_frames(
    running: Make, running_contract: ProgramContract
) -> None:
    session = TorchSession(running(), running_contract, 1)
    counted = Counted(session)

    def play(run: Run, scene: Iterable[FloatArray]) -> Iterator[object]:
        state = np.zeros((1, 1, 8, 16), dtype=np.float32)
        for index, frame in enumerate(scene):
            given = {"frame": frame.transpose(2, 0, 1)[None], "r1": state}
            yield run("running", given) if index % STEP_EVERY == 0 else None

    one = {"": Candidate(recipe="fp32", sessions={"running": counted})}
    frames = _frames(2 * STEP_EVERY + 1)
    compare_all({"running": session}, one, (running_contract,), play, frames)
    assert counted.runs == 3 + 3  # by itself and from PyTorch's inputs


def test_a_reference_that_gives_nan_is_refused(
    running_contract: ProgramContract, running: Make
) -> None:
    reference = TorchSession(BrightRoot(), running_contract, 1)
    candidate = TorchSession(running(), running_contract, 1)
    with pytest.raises(CheckpointError, match="PyTorch gives NaN or infinity in alpha of running"):
        compare(reference, candidate, running_contract, "fp32", _frames(1, 0.1))


def test_nan_that_one_program_would_pass_to_the_next_is_refused_before(
    running_contract: ProgramContract, running: Make
) -> None:
    candidate = TorchSession(running(), running_contract, 1)
    reference = Stuttering(candidate)

    def play(run: Run, scene: Iterable[FloatArray]) -> Iterator[object]:
        state = np.zeros((1, 1, 8, 16), dtype=np.float32)
        for frame in scene:
            given = {"frame": frame.transpose(2, 0, 1)[None], "r1": state}
            for _ in range(3):  # the second one's state is what the third would be given
                given["r1"] = run("running", given)["r1_next"]
            yield given

    one = {"": Candidate(recipe="fp32", sessions={"running": candidate})}
    with pytest.raises(CheckpointError, match="infinity in r1_next of running; take other weights"):
        compare_all({"running": reference}, one, (running_contract,), play, _frames(1))


def test_candidates_feed_back_their_own_states_and_are_told_apart(
    running: Make, running_contract: ProgramContract
) -> None:
    reference = TorchSession(running(keep=0.5), running_contract, 1)
    candidates = {
        "same": TorchSession(running(keep=0.5), running_contract, 1),
        "leaks": TorchSession(running(keep=0.5, leak=0.1), running_contract, 1),
    }
    names = {"same": "fp32", "leaks": "fp16"}
    parities = _compare_several(reference, candidates, running_contract, names, _frames(20))
    assert parities["same"].passed
    assert parities["leaks"].recipe == "fp16"
    # a leak of 0.1 a frame adds up to 0.1 / (1 - keep)
    assert parities["leaks"].free_max_abs["r1_next"] == pytest.approx(0.2, abs=1e-5)
    # one step from the reference's state leaks once
    assert parities["leaks"].max_abs["r1_next"] == pytest.approx(0.1, abs=1e-5)


def test_no_frames_are_refused(running: Make, running_contract: ProgramContract) -> None:
    session = TorchSession(running(), running_contract, 1)
    with pytest.raises(ValueError, match="no frames to compare; give at least one"):
        compare(session, session, running_contract, "fp32", [])


def test_a_recipe_without_limits_is_refused_and_the_others_listed() -> None:
    with pytest.raises(UnknownRecipeError, match=r"no limits for recipe 'int3'; there are fp32"):
        limits("int3")


@pytest.mark.parametrize("name", LIMITS)
def test_the_drift_floor_lies_far_below_what_the_psnr_allows(name: str) -> None:
    held_to = limits(name)
    assert held_to.drift_floor < 10 ** (-held_to.psnr_db / 20) / 10
