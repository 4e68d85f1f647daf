import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from pocketmatte.lockstep import run_of
from pocketmatte.matting import ROLLOUTS
from pocketmatte.matting.board import Moment, Run, Tensors
from pocketmatte.matting.trimap import TrimapPropagator, decided, rollout, trimap_of
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.scene import standard_scene
from tiers.contract_table import contracts
from tiers.errors import UsageError
from tiers.ladder import tier
from tiers.networks import programs
from tiers.rows.trimap import TrimapShape
from tiers.weights import network_of, untrained

HW = (64, 96)
SPEC = dataclasses.replace(tier("trimap", "t01"), working_hw=HW, output_hw=HW)
REFERENCES = SPEC.shaped(TrimapShape).references


class Recorder:
    """Note what programs are given; answer with states and trimaps that can be told apart."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Mapping[str, FloatArray]]] = []

    def __call__(self, program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        self.calls.append((program, inputs))
        number = len(self.calls)
        if program == "propagate":
            return {"trimap": np.full((1, 3, *HW), number, dtype=np.float32)}
        return {
            f"{name}_next": np.full_like(inputs[name], number)
            for name in ("reference_key", "reference_value", "reference_valid")
        }

    def programs(self) -> list[str]:
        return [program for program, _ in self.calls]

    def slots(self) -> list[int]:
        return [int(i["slot"].argmax()) for program, i in self.calls if program != "propagate"]


def frame_of(seed: int, hw: tuple[int, int] = HW) -> FloatArray:
    return np.random.default_rng(seed).random((1, 3, *hw), dtype=np.float32)


def box_trimap() -> FloatArray:
    """Return a trimap of a box: foreground, an unknown band of 8 pixels, background."""
    trimap = np.zeros((1, 1, *HW), dtype=np.float32)
    trimap[..., 8:56, 16:80] = 0.5
    trimap[..., 16:48, 24:72] = 1
    return trimap


@pytest.fixture(scope="module")
def torch_run() -> Run:
    own = programs(network_of(SPEC, untrained(SPEC)), SPEC)
    return run_of({c.name: TorchSession(own[c.name], c, 1) for c in contracts(SPEC)})


def test_a_frame_is_propagated_to_from_what_the_reference_left() -> None:
    recorder = Recorder()
    propagator = TrimapPropagator(SPEC, recorder)
    propagator.set_reference(frame_of(0), box_trimap())
    for seed in (1, 2):
        trimap = propagator.propagate(frame_of(seed))
        _, given = recorder.calls[-1]
        assert (trimap == len(recorder.calls)).all()
        assert np.array_equal(given["frame"], frame_of(seed))
        assert (given["reference_key"] == 1).all()
        assert (given["reference_value"] == 1).all()
    (program, given), *_ = recorder.calls
    assert program == "encode_reference"
    assert np.array_equal(given["frame"], frame_of(0))
    assert np.array_equal(given["reference_trimap"], box_trimap())
    assert not given["reference_valid"].any()


def test_one_reference_more_than_there_is_room_for_replaces_the_oldest() -> None:
    recorder = Recorder()
    propagator = TrimapPropagator(SPEC, recorder)
    for seed in range(REFERENCES + 1):
        propagator.set_reference(frame_of(seed), box_trimap())
    assert recorder.slots() == [*range(REFERENCES), 0]
    assert all(given["slot"].sum() == 1 for _, given in recorder.calls)


def test_a_reset_forgets_every_reference() -> None:
    recorder = Recorder()
    propagator = TrimapPropagator(SPEC, recorder)
    propagator.set_reference(frame_of(0), box_trimap())
    propagator.reset()
    with pytest.raises(UsageError, match="no reference was set yet"):
        propagator.propagate(frame_of(1))
    propagator.set_reference(frame_of(0), box_trimap())
    assert recorder.slots() == [0, 0]
    assert not recorder.calls[-1][1]["reference_key"].any()


def test_without_a_reference_there_is_nothing_to_propagate() -> None:
    recorder = Recorder()
    message = "^no reference was set yet; call set_reference with an annotated frame first$"
    with pytest.raises(UsageError, match=message):
        TrimapPropagator(SPEC, recorder).propagate(frame_of(0))
    assert recorder.calls == []


def test_pictures_of_another_size_are_refused() -> None:
    propagator = TrimapPropagator(SPEC, Recorder())
    small = frame_of(0, (32, 48))
    expected = r"this tier takes \(1, 3, 64, 96\): resize it to that$"
    with pytest.raises(UsageError, match=r"^frame is \(1, 3, 32, 48\); " + expected):
        propagator.set_reference(small, box_trimap())
    message = r"^trimap is \(1, 3, 64, 96\); this tier takes \(1, 1, 64, 96\)"
    with pytest.raises(UsageError, match=message):
        propagator.set_reference(frame_of(0), frame_of(0))
    propagator.set_reference(frame_of(0), box_trimap())
    with pytest.raises(UsageError, match=r"^frame is \(1, 3, 32, 48\); " + expected):
        propagator.propagate(small)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (128 / 255, r"^trimap holds 0\.502; give 0, 0\.5 and 1 alone, such as trimap_of makes$"),
        (np.nan, "^trimap holds nan; give 0, 0.5 and 1 alone"),
        (255, "^trimap holds 255; give 0, 0.5 and 1 alone"),
    ],
)
def test_a_trimap_of_other_values_is_refused(value: float, message: str) -> None:
    trimap = box_trimap()
    trimap[trimap == 0.5] = value
    recorder = Recorder()
    with pytest.raises(UsageError, match=message):
        TrimapPropagator(SPEC, recorder).set_reference(frame_of(0), trimap)
    assert recorder.calls == []


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ((0.5,), "^trimap is unknown everywhere; mark some foreground and some background$"),
        ((0.0, 0.5), "^trimap has no foreground; mark some of the subject, or widen"),
        ((0.0,), "^trimap has no foreground"),
    ],
)
def test_a_trimap_that_says_nothing_is_refused(keep: tuple[float, ...], message: str) -> None:
    trimap = np.where(np.isin(box_trimap(), keep), box_trimap(), keep[-1]).astype(np.float32)
    with pytest.raises(UsageError, match=message):
        TrimapPropagator(SPEC, Recorder()).set_reference(frame_of(0), trimap)


def test_a_soft_border_is_unknown() -> None:
    alpha = np.array([0, 0.05, 0.06, 0.5, 0.94, 0.95, 1], dtype=np.float32).reshape(1, 1, 1, 7)
    trimap = trimap_of(alpha, widen_px=0)
    assert trimap.dtype == np.float32
    assert trimap.flatten().tolist() == [0, 0, 0.5, 0.5, 0.5, 1, 1]
    wider = trimap_of(alpha, low=0.0, high=1.0, widen_px=0)
    assert wider.flatten().tolist() == [0, 0.5, 0.5, 0.5, 0.5, 0.5, 1]
    widened = trimap_of(alpha, widen_px=1)
    assert widened.flatten().tolist() == [0, 0.5, 0.5, 0.5, 0.5, 0.5, 1]


def test_a_hard_border_gets_an_unknown_band_of_its_own() -> None:
    alpha = np.zeros((1, 1, 1, 10), dtype=np.float32)
    alpha[..., 5:] = 1
    assert set(trimap_of(alpha, widen_px=0).flat) == {0, 1}
    trimap = trimap_of(alpha, widen_px=2)
    assert trimap.flatten().tolist() == [0, 0, 0, 0.5, 0.5, 0.5, 0.5, 1, 1, 1]


@pytest.mark.parametrize("widen_px", [0, 1, 3, 6, 40])
def test_the_band_is_widened_by_euclidean_distance(widen_px: int) -> None:
    generator = np.random.default_rng(widen_px)
    alpha = np.zeros((1, 1, 17, 23), dtype=np.float32)
    alpha[..., 4:12, 6:18] = 1
    alpha[..., 4:12, 6:18] -= generator.random((8, 12)) > 0.9
    alpha[0, 0, 8, 9] = 0.5
    rows, columns = np.indices(alpha.shape[2:])

    def near(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
        points = np.argwhere(region[0, 0])
        squares = np.array([(rows - row) ** 2 + (columns - column) ** 2 for row, column in points])
        return np.asarray(squares.min(axis=0) <= widen_px**2)

    unknown = near(alpha > 0.05) & near(alpha < 0.95)
    expected = np.where(unknown, 0.5, alpha[0, 0])
    assert np.array_equal(trimap_of(alpha, widen_px=widen_px)[0, 0], expected)


@pytest.mark.parametrize(
    ("shape", "value", "low", "high", "widen_px", "message"),
    [
        ((1, 3, 8, 8), 0.5, 0.1, 0.9, 1, r"^alpha is \(1, 3, 8, 8\); give one map"),
        ((8, 8), 0.5, 0.1, 0.9, 1, r"^alpha is \(8, 8\); give one map, \(1, 1, H, W\)$"),
        ((1, 1, 8, 8), 1.5, 0.1, 0.9, 1, r"^alpha holds 1\.5 to 1\.5; it must lie in 0\.\.1$"),
        ((1, 1, 8, 8), np.nan, 0.1, 0.9, 1, "^alpha holds nan to nan"),
        ((1, 1, 8, 8), 0.5, 0.9, 0.1, 1, r"^low is 0\.9 and high 0\.1; give 0 <= low < high"),
        ((1, 1, 8, 8), 0.5, 0.1, 0.9, -1, "^widen_px is -1; give 0 or more pixels$"),
    ],
)
def test_what_no_trimap_can_be_made_of_is_refused(
    shape: tuple[int, ...], value: float, low: float, high: float, widen_px: int, message: str
) -> None:
    alpha = np.full(shape, value, dtype=np.float32)
    with pytest.raises(UsageError, match=message):
        trimap_of(alpha, low=low, high=high, widen_px=widen_px)


def test_what_was_decided_is_a_trimap_again() -> None:
    trimap = box_trimap()
    shares = np.concatenate([trimap == 0, trimap == 0.5, trimap == 1], axis=1).astype(np.float32)
    again = decided(0.6 * shares + 0.1)
    assert again.dtype == np.float32
    assert np.array_equal(again, trimap)


def test_an_even_decision_is_unknown() -> None:
    pixels = [[0.4, 0.4, 0.2], [0.2, 0.4, 0.4], [0.4, 0.2, 0.3], [0.2, 0.3, 0.5]]
    shares = np.array(pixels, dtype=np.float32).T.reshape(1, 3, 1, 4)
    assert decided(shares).flatten().tolist() == [0.5, 0.5, 0, 1]


def test_other_than_three_classes_are_no_trimap() -> None:
    with pytest.raises(UsageError, match=r"^probabilities are \(1, 1, 64, 96\); give those of one"):
        decided(box_trimap())


def test_a_rollout_annotates_every_24th_frame_and_propagates_to_all() -> None:
    recorder = Recorder()
    mask = np.zeros((1, 1, *HW), dtype=np.float32)
    mask[..., 16:48, 24:72] = 1
    scene = (Moment(frame=frame_of(seed), mask=mask) for seed in range(50))
    given = [outputs["trimap"] for outputs in rollout(SPEC, recorder, scene)]
    assert len(given) == 50
    every_24 = ["encode_reference", *["propagate"] * 24]
    assert recorder.programs() == [*every_24, *every_24, *every_24[:3]]
    assert recorder.slots() == [0, 1, 0]
    annotated = [i for program, i in recorder.calls if program == "encode_reference"]
    for number, inputs in zip((0, 24, 48), annotated, strict=True):
        assert np.array_equal(inputs["frame"], frame_of(number))
        assert np.array_equal(inputs["reference_trimap"], trimap_of(mask, widen_px=2))


def test_the_standard_scene_plays_and_the_trimap_changes(torch_run: Run) -> None:
    trimaps = [o["trimap"] for o in ROLLOUTS["trimap"](SPEC, torch_run, standard_scene(SPEC, 3))]
    assert [trimap.shape for trimap in trimaps] == [(1, 3, *HW)] * 3
    for trimap in trimaps:
        np.testing.assert_allclose(trimap.sum(axis=1), 1, rtol=0, atol=1e-5)
    assert np.ptp(trimaps[0]) > 0.05
    assert np.abs(trimaps[1] - trimaps[0]).max() > 1e-3


def test_another_trimap_at_the_reference_gives_another_one_at_the_target(torch_run: Run) -> None:
    def propagated(trimap: FloatArray) -> FloatArray:
        propagator = TrimapPropagator(SPEC, torch_run)
        propagator.set_reference(frame_of(0), trimap)
        return propagator.propagate(frame_of(1))

    assert np.abs(propagated(1 - box_trimap()) - propagated(box_trimap())).max() > 1e-4
