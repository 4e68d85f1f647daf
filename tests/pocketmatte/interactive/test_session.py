"""Rounds with followers that are simple enough to be computed by hand."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from pocketmatte.interactive.robot import Hint
from pocketmatte.interactive.session import FrameScores, Rules, frame_scores, play
from tiers.errors import UsageError

BoolArray = npt.NDArray[np.bool_]


def box(left: int, right: int) -> BoolArray:
    mask = np.zeros((24, 48), dtype=bool)
    mask[6:18, left:right] = True
    return mask


# the object is wider from frame to frame
TRUTHS = [box(4, 12 + 6 * number)[None] for number in range(5)]


@dataclasses.dataclass
class Still:
    """Knows the truth of the frames that were asked for, and holds the first elsewhere."""

    truths: Sequence[BoolArray]
    asked: list[int] = dataclasses.field(default_factory=list)

    def answer(self, frame: int, hints: Sequence[Hint | None]) -> int:
        assert any(hint is not None for hint in hints)
        self.asked.append(frame)
        return len(self.truths)

    def masks(self) -> Iterator[BoolArray]:
        for number, true in enumerate(self.truths):
            yield true if number in self.asked else self.truths[self.asked[0]]


def test_a_follower_that_is_right_ends_the_session_after_one_round() -> None:
    class Right(Still):
        def masks(self) -> Iterator[BoolArray]:
            yield from self.truths

    played = play(lambda: iter(TRUTHS), Right(TRUTHS), Rules())
    assert [(each.frame, each.j, each.f, each.jf) for each in played] == [(0, 1.0, 1.0, 1.0)]


def test_the_worst_frame_is_asked_for_next_until_all_are_right() -> None:
    follower = Still(TRUTHS)
    played = play(lambda: iter(TRUTHS), follower, Rules())
    assert follower.asked == [0, 4, 3, 2, 1]
    # of 8, 14, 20, 26 and 32 columns the first frame's 8 are found
    first = np.mean([8 / width for width in (8, 14, 20, 26, 32)])
    assert played[0].j == pytest.approx(first)
    assert played[1].j == pytest.approx(first + (1 - 8 / 32) / 5)
    assert played[-1].jf == 1.0
    assert [each.positive for each in played] == [1, 1, 1, 1, 1]
    assert [each.negative for each in played] == [0, 0, 0, 0, 0]


def test_no_more_rounds_are_played_than_there_are() -> None:
    assert len(play(lambda: iter(TRUTHS), Still(TRUTHS), Rules(rounds=2))) == 2


def test_a_frame_can_be_asked_for_again_unless_that_is_ruled_out() -> None:
    class Stubborn(Still):
        def masks(self) -> Iterator[BoolArray]:
            for _ in self.truths:
                yield self.truths[0]

    again = Stubborn(TRUTHS)
    play(lambda: iter(TRUTHS), again, Rules(rounds=4))
    assert again.asked == [0, 4, 4, 4]
    once = Stubborn(TRUTHS)
    play(lambda: iter(TRUTHS), once, Rules(rounds=8, new_frames=True))
    assert once.asked == [0, 4, 3, 2, 1]


def test_the_first_frame_can_be_another() -> None:
    follower = Still(TRUTHS)
    play(lambda: iter(TRUTHS), follower, Rules(rounds=2, first_frame=4))
    assert follower.asked == [4, 0]


def test_a_frame_that_does_not_show_the_object_is_passed_over() -> None:
    truths = [*TRUTHS[:4], np.zeros_like(TRUTHS[4])]
    follower = Still(truths)
    play(lambda: iter(truths), follower, Rules(rounds=3))
    assert follower.asked == [0, 3, 2]


def test_j_alone_can_say_which_frame_is_worst() -> None:
    scores = FrameScores(j=0.2, f=0.8)
    assert (scores.value("j"), scores.value("jf")) == (0.2, 0.5)


def test_a_frame_is_scored_as_the_mean_of_its_objects() -> None:
    right, wrong = box(4, 12), box(20, 30)
    scores = frame_scores(np.stack([right, right]), np.stack([right, wrong]))
    assert (scores.j, scores.f) == (0.5, 0.5)


def test_the_time_is_that_of_the_answer() -> None:
    played = play(lambda: iter(TRUTHS), Still(TRUTHS), Rules(rounds=1))
    assert 0 <= played[0].seconds < 5
    assert played[0].followed == len(TRUTHS)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"rounds": 0}, "rounds is 0; it must be 1 or more"),
        ({"rounds": 1001}, "rounds is 1001; it must be 1000 or fewer"),
        ({"first_frame": -1}, "first frame is -1; it must be 0 or more"),
        ({"strokes": 0}, "strokes is 0; it must be 1 or more"),
        ({"seed": -1}, "seed is -1; it must be 0 or more"),
        ({"seconds_a_frame": 0.0}, "seconds a frame is 0; give a number above 0"),
        ({"seconds_a_frame": float("nan")}, "seconds a frame is nan; give a number above 0"),
    ],
)
def test_rules_that_cannot_be_are_refused(rules: dict[str, float], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Rules(**rules)  # type: ignore[arg-type]


def test_a_first_frame_without_an_object_or_behind_the_end_is_refused() -> None:
    truths = [np.zeros_like(TRUTHS[0]), *TRUTHS]
    with pytest.raises(UsageError, match="frame 0 shows no object; give another first frame"):
        play(lambda: iter(truths), Still(truths), Rules())
    with pytest.raises(UsageError, match="frame 9 is no frame of the clip, which has 0 to 4"):
        play(lambda: iter(TRUTHS), Still(TRUTHS), Rules(first_frame=9))


def test_an_object_too_small_to_draw_on_is_refused() -> None:
    speck = np.zeros((1, 24, 48), dtype=bool)
    speck[0, 3, 3:5] = True
    with pytest.raises(UsageError, match="too small to be drawn on"):
        play(lambda: iter([speck] * 3), Still([speck] * 3), Rules())
