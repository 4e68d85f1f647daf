import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest

from pocketmatte.matting import ROLLOUTS
from pocketmatte.matting.board import Moment, Run, Tensors
from pocketmatte.matting.scribble import Corrector, flawed, rollout
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.runtimes.torch_eager import TorchSession
from tiers.contract_table import contracts
from tiers.errors import UsageError
from tiers.ladder import tier
from tiers.networks import programs
from tiers.weights import network_of, untrained

SPEC = dataclasses.replace(tier("scribble", "t01"), working_hw=(64, 96), output_hw=(64, 96))
HW = SPEC.output_hw


class Recorder:
    """Note what ``correct`` was given; answer with the mask as it came."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Mapping[str, FloatArray]]] = []

    def __call__(self, program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        self.calls.append((program, inputs))
        return {"refined": inputs["mask"]}


def blank(channels: int = 1, hw: tuple[int, int] = HW) -> FloatArray:
    return np.zeros((1, channels, *hw), dtype=np.float32)


def boxed(top: int, bottom: int, left: int, right: int) -> Moment:
    """Return a moment whose subject is a box."""
    mask = blank()
    mask[..., top:bottom, left:right] = 1
    frame = np.random.default_rng(0).random((1, 3, *HW), dtype=np.float32)
    return Moment(frame=frame, mask=mask)


BOX = boxed(16, 48, 24, 72)


@pytest.fixture
def stroke() -> FloatArray:
    scribble = blank()
    scribble[..., 30:33, 40:60] = 1
    return scribble


@pytest.fixture(scope="module")
def torch_run() -> Run:
    network = network_of(SPEC, untrained(SPEC))
    (contract,) = contracts(SPEC)
    session = TorchSession(programs(network, SPEC)["correct"], contract, 1)
    return lambda _, inputs: session.run(inputs)


@pytest.mark.parametrize("drawn", ["positive", "negative"])
def test_one_stroke_of_either_kind_is_enough(drawn: str, stroke: FloatArray) -> None:
    recorder = Recorder()
    strokes = {"positive": blank(), "negative": blank(), drawn: stroke}
    refined = Corrector(SPEC, recorder).correct(BOX.frame, BOX.mask, **strokes)
    assert np.array_equal(refined, BOX.mask)
    ((program, inputs),) = recorder.calls
    assert program == "correct"
    assert np.array_equal(inputs["frame"], BOX.frame)
    for name, scribble in strokes.items():
        assert np.array_equal(inputs[name], scribble)


def test_every_round_is_independent(torch_run: Run, stroke: FloatArray) -> None:
    corrector = Corrector(SPEC, torch_run)
    first = corrector.correct(BOX.frame, BOX.mask, stroke, blank())
    other = corrector.correct(BOX.frame, first, blank(), stroke)
    assert not np.array_equal(other, first)
    assert np.array_equal(corrector.correct(BOX.frame, BOX.mask, stroke, blank()), first)


@pytest.mark.parametrize(
    ("name", "picture", "said"),
    [
        ("frame", blank(3, (48, 96)), r"frame is \(1, 3, 48, 96\); this tier takes \(1, 3, 64"),
        ("frame", blank(1), r"frame is \(1, 1, 64, 96\); this tier takes \(1, 3, 64, 96\)"),
        ("mask", blank(3), r"mask is \(1, 3, 64, 96\); this tier takes \(1, 1, 64, 96\)"),
        ("positive", blank()[0], r"positive is \(1, 64, 96\); this tier takes \(1, 1, 64, 96\)"),
        ("negative", blank(1, (64, 64)), r"negative is \(1, 1, 64, 64\); this tier takes \(1, 1"),
    ],
)
def test_a_picture_of_another_size_is_refused(
    name: str, picture: FloatArray, said: str, stroke: FloatArray
) -> None:
    recorder = Recorder()
    given = {"frame": BOX.frame, "mask": BOX.mask, "positive": stroke, "negative": stroke}
    with pytest.raises(UsageError, match=f"^{said}.*: crop and resize every picture to it$"):
        Corrector(SPEC, recorder).correct(**{**given, name: picture})
    assert recorder.calls == []


def test_a_correction_without_any_stroke_is_refused() -> None:
    recorder = Recorder()
    with pytest.raises(
        UsageError,
        match=r"^positive and negative are 0 everywhere; a correction needs a stroke .*: draw one",
    ):
        Corrector(SPEC, recorder).correct(BOX.frame, BOX.mask, blank(), blank())
    assert recorder.calls == []


def test_the_flawed_mask_is_the_true_one_moved_and_cut() -> None:
    mask, _, _ = flawed(BOX)
    # Moved right by 96/32 pixels, the box spans columns 27..74; 65 % of 48 columns are kept.
    expected = boxed(16, 48, 27, 27 + 31).mask
    assert np.array_equal(mask, expected)


def test_the_positive_stroke_lies_in_what_is_missing_and_the_negative_one_outside() -> None:
    mask, positive, negative = flawed(BOX)
    # Of the box's columns 58..71 are cut, 14 wide: the stroke takes the 7 from the fourth on.
    drawn = np.argwhere(positive[0, 0])
    assert drawn.min(axis=0).tolist() == [15, 61]
    assert drawn.max(axis=0).tolist() == [17, 67]
    assert len(drawn) == 3 * 7
    assert not (positive[0, 0, 16] * mask[0, 0, 16]).any()
    assert (BOX.mask * positive)[0, 0, 16].sum() == 7
    assert negative.sum() == 3 * 48
    assert not (negative * BOX.mask).any()


@pytest.mark.parametrize("side", [1, 63])
def test_a_stroke_is_three_pixels_wide_at_the_border_too(side: int) -> None:
    moment = boxed(side - 1, side + 1, 24, 72)
    _, positive, _ = flawed(moment)
    rows = np.flatnonzero(positive[0, 0].any(axis=1))
    assert len(rows) == 3
    assert rows[1] in {1, 62}


@pytest.mark.parametrize(("value", "drawn"), [(0.0, "negative"), (1.0, "both")])
def test_an_empty_or_full_mask_still_gets_a_stroke(value: float, drawn: str) -> None:
    moment = Moment(frame=BOX.frame, mask=np.full_like(BOX.mask, value))
    _, positive, negative = flawed(moment)
    if drawn == "negative":
        assert negative.any()
        assert not positive.any()
    else:
        assert positive.any()
        assert not negative.any()


def test_a_rollout_corrects_every_frame_from_its_own_flawed_mask(torch_run: Run) -> None:
    scene = [BOX, boxed(8, 40, 16, 64), BOX]
    frames = list(rollout(SPEC, torch_run, scene))
    assert [list(frame) for frame in frames] == [["refined"]] * 3
    first, second, third = (frame["refined"] for frame in frames)
    assert first.shape == (1, 1, *HW)
    assert np.array_equal(first, third)
    assert not np.array_equal(first, second)


def test_the_network_is_played_by_its_name() -> None:
    assert ROLLOUTS["scribble"] is rollout
