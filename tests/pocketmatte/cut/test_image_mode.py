import numpy as np
import pytest

from pocketmatte.matting.crop import Stroke
from pocketmatte.matting.image_mode import ImageMode
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import UsageError

PICTURE = np.full((60, 90, 3), 100, np.uint8)
MASK = np.zeros((60, 90), np.float32)
MASK[20:40, 30:60] = 1
INSIDE = Stroke(positive=True, points=((65.0, 30.0),))
OUTSIDE = Stroke(positive=False, points=((10.0, 10.0), (35.0, 25.0)))


class Recorder:
    """Note what every round is given; the answer is the strokes themselves."""

    def __init__(self) -> None:
        self.given: list[tuple[FloatArray, ...]] = []

    def __call__(
        self, frame: FloatArray, mask: FloatArray, positive: FloatArray, negative: FloatArray
    ) -> FloatArray:
        self.given.append((frame, mask, positive, negative))
        return np.maximum(mask, positive) * (1 - negative)


def test_a_round_sees_the_mask_before_it_and_its_own_strokes_alone() -> None:
    recorder = Recorder()
    mode = ImageMode(PICTURE, MASK, recorder, (32, 32))
    first = mode.scribble([INSIDE])
    mode.scribble([OUTSIDE])
    frame, _, positive, negative = recorder.given[1]
    assert frame.shape == (1, 3, 32, 32)
    assert not positive.any()
    assert negative.any()

    again = Recorder()
    ImageMode(PICTURE, first, again, (32, 32)).scribble([OUTSIDE])
    for one, other in zip(recorder.given[1], again.given[0], strict=True):
        assert np.array_equal(one, other)  # nothing remembers the first round


def test_nothing_changes_outside_the_crop() -> None:
    mode = ImageMode(PICTURE, MASK, lambda *_: np.ones((1, 1, 32, 32), np.float32), (32, 32))
    mask = mode.scribble([OUTSIDE])
    assert mask[:52, :52].all()  # 26 columns of strokes: twice as long, moved to the corner
    assert np.array_equal(mask[52:], MASK[52:])
    assert np.array_equal(mask[:, 52:], MASK[:, 52:])


def test_undo_gives_the_earlier_mask_to_the_bit() -> None:
    mode = ImageMode(PICTURE, MASK, Recorder(), (32, 32))
    first = mode.scribble([INSIDE]).copy()
    second = mode.scribble([OUTSIDE])
    assert not np.array_equal(first, second)
    assert np.array_equal(mode.undo(), first)
    assert np.array_equal(mode.scribble([OUTSIDE]), second)  # and may be done again
    mode.undo()
    assert np.array_equal(mode.undo(), MASK)
    assert mode.rounds == 0
    with pytest.raises(UsageError, match="no round is left to undo"):
        mode.undo()


def test_a_refused_round_leaves_the_mask_as_it_is() -> None:
    mode = ImageMode(PICTURE, MASK, Recorder(), (32, 32))
    with pytest.raises(UsageError, match="outside the picture"):
        mode.scribble([Stroke(positive=True, points=((90.0, 5.0),))])
    assert (mode.rounds, mode.mask is MASK) == (0, True)


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(UsageError, match="give one size"):
        ImageMode(PICTURE, MASK.T.copy(), Recorder(), (32, 32))
