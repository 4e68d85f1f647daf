import numpy as np
import pytest

from pocketmatte.matting.steadying import STILLNESS, STRENGTH, fused_in_time, one_frame_delayed
from pocketmatte.matting.stretches import blended, stretches
from pocketmatte.matting.trimap import trimap_of
from pocketmatte.matting.trimap_joining import drawn_of, joined, stretched
from tiers.errors import UsageError


def test_the_first_template_goes_to_both_ends() -> None:
    forwards, backwards = stretches(3, (), 8)
    assert (list(forwards.numbers), forwards.reference) == ([4, 5, 6, 7], None)
    assert (list(backwards.numbers), backwards.reference) == ([2, 1, 0], None)


def test_a_later_template_stops_at_the_nearest_older_ones() -> None:
    forwards, backwards = stretches(5, {9, 2, 0, 20}, 30)
    assert (list(forwards.numbers), forwards.reference) == ([6, 7, 8], 9)
    assert (list(backwards.numbers), backwards.reference) == ([4, 3], 2)


def test_a_template_given_again_has_the_others_for_references() -> None:
    forwards, backwards = stretches(0, {0, 4}, 6)
    assert (list(forwards.numbers), forwards.reference) == ([1, 2, 3], 4)
    assert (list(backwards.numbers), backwards.reference) == ([], None)


def test_a_video_of_one_frame_has_nowhere_to_go() -> None:
    assert [list(each.numbers) for each in stretches(0, (), 1)] == [[], []]
    with pytest.raises(ValueError, match="template 1 is no frame of a video of 1"):
        stretches(1, (), 1)


def test_masks_are_weighted_by_their_distance_in_time() -> None:
    forwards, backwards = stretches(4, {0, 9}, 12)
    new, old = np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)
    # frame 6 is 2 of 5 from the template at 4 and 3 of 5 from the reference at 9
    assert forwards.distances(6) == pytest.approx((0.4, 0.6))
    assert blended(forwards, 6, old, new).item() == pytest.approx(0.6)
    assert blended(backwards, 1, old, new).item() == pytest.approx(0.25)
    with pytest.raises(ValueError, match="ends with the video"):
        stretches(4, (), 12)[0].distances(6)


def test_where_nothing_moves_half_of_the_mask_before_stays() -> None:
    frame = np.full((4, 4, 3), 0.5, np.float32)
    mask, before = np.ones((4, 4), np.float32), np.zeros((4, 4), np.float32)
    assert fused_in_time(mask, frame, before, frame) == pytest.approx(1 - STRENGTH)
    assert fused_in_time(mask, frame, mask, frame) == pytest.approx(1)


def test_where_the_picture_changes_the_mask_counts_alone() -> None:
    frame = np.full((4, 4, 3), 0.5, np.float32)
    mask, before = np.ones((4, 4), np.float32), np.zeros((4, 4), np.float32)
    moved = frame.copy()
    moved[..., 1] += STILLNESS
    share = STRENGTH * np.exp(-1)
    assert fused_in_time(mask, moved, before, frame) == pytest.approx(1 - share, abs=1e-6)
    assert fused_in_time(mask, 1 - frame * 0, before, frame) == pytest.approx(1)


def test_a_change_counts_where_it_is_and_beside_it() -> None:
    frame = np.zeros((5, 7, 3), np.float32)
    moved = frame.copy()
    moved[2, 3, 0] = 9 * STILLNESS  # an average of STILLNESS over 3x3 pixels
    out = fused_in_time(np.ones((5, 7), np.float32), moved, np.zeros((5, 7), np.float32), frame)
    near = 1 - STRENGTH * np.exp(-1)
    assert out[1:4, 2:5] == pytest.approx(near, abs=1e-6)
    assert out[0] == pytest.approx(1 - STRENGTH)


@pytest.mark.parametrize(
    ("before", "now", "after", "smoothed"),
    [
        (0.1, 0.9, 0.14, 0.12),  # neighbours agree, the frame flickers
        (0.9, 0.2, 0.9, 0.9),
        (0.1, 0.9, 0.8, 0.9),  # a change that stays
        (0.1, 0.5, 0.9, 0.5),  # a steady rise
        (0.1, 0.19, 0.1, 0.19),  # within the tolerance
        (0.1, 0.9, 0.21, 0.9),  # neighbours that differ by more
    ],
)
def test_a_flicker_of_one_frame_gives_way_to_its_neighbours(
    before: float, now: float, after: float, smoothed: float
) -> None:
    planes = (np.full((1, 1), value, np.float32) for value in (before, now, after))
    assert one_frame_delayed(*planes).item() == pytest.approx(smoothed)


def test_what_mask_and_trimap_say_otherwise_of_is_unknown() -> None:
    trimap = np.array([[[[0, 0, 0.5, 0.5, 1, 1]]]], np.float32)
    mask = np.array([[[[0.1, 0.9, 0.1, 0.9, 0.1, 0.9]]]], np.float32)
    assert joined(trimap, mask).ravel().tolist() == [0, 0.5, 0.5, 0.5, 0.5, 1]


def test_a_trimap_is_stretched_without_new_values() -> None:
    trimap = np.array([[[[0, 0.5, 1]]]], np.float32)
    assert stretched(trimap, (2, 6)).tolist() == [[[[0, 0, 0.5, 0.5, 1, 1]] * 2]]
    assert stretched(stretched(trimap, (2, 6)), (1, 3)).tolist() == trimap.tolist()


def test_a_thin_subject_gets_a_narrower_band_instead_of_nothing_known() -> None:
    mask = np.zeros((128, 128), np.float32)
    mask[10:110, 10:110] = 0.9  # counts from a half on
    assert np.array_equal(drawn_of(mask, 0), trimap_of((mask > 0)[None, None] * 1.0, widen_px=4))
    thin = np.zeros((128, 128), np.float32)
    thin[10:110, 60:64] = 1
    assert (trimap_of(thin[None, None], widen_px=4) != 1).all()
    assert (drawn_of(thin, 0) == 1).any()


def test_a_template_that_marks_nothing_at_that_size_is_refused() -> None:
    with pytest.raises(UsageError, match="frame 7: the subject is smaller than a pixel"):
        drawn_of(np.full((16, 16), 0.4, np.float32), 7)
