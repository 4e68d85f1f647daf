import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest

from pocketmatte.matting import ROLLOUTS
from pocketmatte.matting.board import Moment, Run, Tensors
from pocketmatte.matting.stfam import TrimapMatter, rollout
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.scene import standard_scene
from pocketmatte.tolerances import ALPHA_RANGE
from tiers.contract_table import contracts
from tiers.errors import UsageError
from tiers.ladder import tier
from tiers.networks import programs
from tiers.spec import TierSpec
from tiers.weights import network_of, untrained

T01 = tier("stfam", "t01")
SPEC = dataclasses.replace(T01, working_hw=(64, 96), output_hw=(64, 96))
HW = SPEC.output_hw


def session(spec: TierSpec) -> TorchSession:
    (contract,) = contracts(spec)
    return TorchSession(programs(network_of(spec, untrained(spec)), spec)["matte"], contract, 1)


def frame_of(seed: int) -> FloatArray:
    return np.random.default_rng(seed).random((1, 3, *HW), dtype=np.float32)


def trimap() -> FloatArray:
    """Return a trimap of three vertical bands."""
    levels = np.repeat(np.array([0, 0.5, 1], dtype=np.float32), HW[1] // 3)
    return np.broadcast_to(levels, (1, 1, *HW)).copy()


@pytest.fixture(scope="module")
def small() -> TorchSession:
    return session(SPEC)


@pytest.fixture
def run(small: TorchSession) -> Run:
    return lambda _, inputs: small.run(inputs)


@pytest.fixture
def matter(run: Run) -> TrimapMatter:
    return TrimapMatter(SPEC, run)


def no_run(program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
    msg = f"{program} ran on {sorted(inputs)}"
    raise AssertionError(msg)


def test_known_bands_are_kept_and_the_unknown_one_is_the_networks(matter: TrimapMatter) -> None:
    alpha = matter.matte(frame_of(1), trimap())
    assert alpha.shape == (1, 1, *HW)
    background, unknown, foreground = np.split(alpha, 3, axis=3)
    assert (background == 0).all()
    assert (foreground == 1).all()
    assert unknown.std() > 0.01
    assert 0 < unknown.min() < unknown.max() < 1


def test_a_reset_forgets_the_frames_before(matter: TrimapMatter) -> None:
    alone = matter.matte(frame_of(1), trimap())
    matter.matte(frame_of(2), trimap())
    after = matter.matte(frame_of(1), trimap())
    assert not np.array_equal(after, alone)
    matter.reset()
    assert np.array_equal(matter.matte(frame_of(1), trimap()), alone)


@pytest.mark.parametrize("level", [127, 128])
def test_an_8_bit_trimap_is_taken(matter: TrimapMatter, level: int) -> None:
    given = trimap()
    given[given == 0.5] = np.float32(level / 255)
    alpha = matter.matte(frame_of(1), given)
    matter.reset()
    # the level lies 0.002 from one half and moves alpha by 0.014; taken for known, by 0.5
    assert np.abs(alpha - matter.matte(frame_of(1), trimap())).max() < 0.03


def spoiled(value: float) -> FloatArray:
    given = trimap()
    given[0, 0, 3, 4] = value
    return given


@pytest.mark.parametrize(
    ("frame", "given", "message"),
    [
        (frame_of(1), trimap()[..., 1:],
         r"^trimap is \(1, 1, 64, 95\); this tier takes \(1, 1, 64, 96\): resize it to that$"),
        (frame_of(1), frame_of(1), r"^trimap is \(1, 3, 64, 96\); this tier takes"),
        (frame_of(1)[:, :, 1:], trimap(), r"^frame is \(1, 3, 63, 96\); this tier takes"),
        (frame_of(1), spoiled(0.3), r"^trimap holds 0.3 and other values in 0.0163 % of its"),
        (frame_of(1), spoiled(0.75), "it takes 0, 0.5 and 1 only: resize it without"),
        (frame_of(1), spoiled(1.5), "^trimap holds 1.5 "),
        (frame_of(1), spoiled(-0.5), "^trimap holds -0.5 "),
        (frame_of(1), 255 * trimap(), "^trimap holds 127.5 and other values"),
        (frame_of(1), spoiled(np.nan), "^trimap holds NaN or infinity; give finite numbers$"),
        (frame_of(1) + np.float32(np.inf), trimap(), "^frame holds NaN or infinity"),
    ],
    ids=["size", "colour", "frame-size", "0.3", "0.75", "1.5", "-0.5", "255", "nan", "frame-inf"],
)  # fmt: skip
def test_what_is_no_trimap_of_the_frame_is_refused_in_one_line(
    frame: FloatArray, given: FloatArray, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        TrimapMatter(SPEC, no_run).matte(frame, given)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("state", ["valid", "past_f16"])
def test_a_state_that_holds_nan_is_refused_in_one_line(small: TorchSession, state: str) -> None:
    (contract,) = contracts(SPEC)
    inputs = {t.name: np.zeros(t.shape, dtype=np.float32) for t in contract.inputs}
    small.run(inputs)
    inputs[state][-1, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=f"^{state} holds NaN or infinity; .*$") as caught:
        small.run(inputs)
    assert len(str(caught.value).splitlines()) == 1


def test_the_rollout_is_mostly_the_networks_work() -> None:
    real = session(T01)
    trimaps: list[FloatArray] = []

    def run(_: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        trimaps.append(inputs["trimap"])
        return real.run(inputs)

    alphas = [seen["alpha"] for seen in rollout(T01, run, standard_scene(T01, 3))]
    assert len(alphas) == 3
    for alpha, given in zip(alphas, trimaps, strict=True):
        unknown = given == 0.5
        assert 0.4 < unknown.mean() < 0.8
        assert np.ptp(alpha[unknown]) > ALPHA_RANGE
        assert set(np.unique(given)) == {0, 0.5, 1}


def test_the_rollout_carries_the_past_along(run: Run) -> None:
    mask = np.zeros((1, 1, *HW), dtype=np.float32)
    mask[..., 40:] = 1
    scene = [Moment(frame=frame_of(seed), mask=mask) for seed in (1, 2, 1)]
    first, _, third = (seen["alpha"] for seen in rollout(SPEC, run, scene))
    assert not np.array_equal(third, first)
    assert ROLLOUTS["stfam"] is rollout
