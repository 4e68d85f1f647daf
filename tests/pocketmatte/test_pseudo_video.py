import numpy as np
import numpy.typing as npt
import pytest

from pocketmatte.pseudo_video import pseudo_video, standard_picture, standard_pictures
from tiers.errors import UsageError

UInt8Array = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def astronaut() -> UInt8Array:
    return standard_picture("astronaut")


@pytest.mark.parametrize("name", standard_pictures())
def test_every_standard_picture_is_a_colour_photograph(name: str) -> None:
    picture = standard_picture(name)
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert min(picture.shape[:2]) >= 300
    assert picture.std() > 20


def test_an_unknown_standard_picture_is_refused_with_the_list() -> None:
    with pytest.raises(UsageError) as caught:
        standard_picture("lenna")
    names = "astronaut, camera, chelsea, coffee, rocket"
    assert str(caught.value) == f"no standard picture 'lenna'; there are {names}"


@pytest.mark.parametrize("size_hw", [(144, 256), (256, 144), (90, 161), (1, 1)])
def test_frames_have_the_size_and_number_asked_for(
    astronaut: UInt8Array, size_hw: tuple[int, int]
) -> None:
    frames = list(pseudo_video(astronaut, size_hw, 4))
    assert [frame.shape for frame in frames] == [(*size_hw, 3)] * 4
    assert all(frame.dtype == np.uint8 for frame in frames)


@pytest.mark.parametrize("count", [1, 2, 3, 12, 51])
def test_a_closed_video_ends_where_it_began(astronaut: UInt8Array, count: int) -> None:
    frames = list(pseudo_video(astronaut, (36, 64), count))
    np.testing.assert_array_equal(frames[0], frames[-1])


def test_an_open_video_ends_elsewhere(astronaut: UInt8Array) -> None:
    frames = np.stack(list(pseudo_video(astronaut, (36, 64), 12, closed=False))).astype(float)
    assert np.abs(frames[0] - frames[-1]).mean() > 5


def test_the_picture_moves_in_every_frame_and_never_jumps(astronaut: UInt8Array) -> None:
    frames = np.stack(list(pseudo_video(astronaut, (72, 128), 50))).astype(float)
    steps = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    assert steps.min() > 0.5
    assert steps.max() < 3 * np.median(steps)


def test_the_same_arguments_give_the_same_frames(astronaut: UInt8Array) -> None:
    first, second = (list(pseudo_video(astronaut, (36, 64), 5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("still_hw", [(120, 120), (120, 360), (360, 120)])
@pytest.mark.parametrize("size_hw", [(64, 128), (128, 64), (64, 64)])
def test_the_window_stays_within_the_still(
    still_hw: tuple[int, int], size_hw: tuple[int, int]
) -> None:
    # A one-pixel frame round the still would show in the frames if the window touched it.
    still = np.full((*still_hw, 3), 100, np.uint8)
    still[[0, -1]] = still[:, [0, -1]] = 255
    assert all((frame == 100).all() for frame in pseudo_video(still, size_hw, 24))


def test_the_astronauts_face_is_in_the_picture(astronaut: UInt8Array) -> None:
    # Her face lies around row 110, column 225 of the still; paint it to find it again.
    marked = astronaut.copy()
    marked[60:160, 190:260] = (0, 255, 0)
    for frame in pseudo_video(marked, (144, 256), 12):
        assert (frame == (0, 255, 0)).all(axis=2).mean() > 0.05


def test_a_callers_mistakes_are_value_errors(astronaut: UInt8Array) -> None:
    with pytest.raises(ValueError, match=r"size and a count of at least 1, not \(36, 64\) and 0"):
        pseudo_video(astronaut, (36, 64), 0)
    with pytest.raises(ValueError, match=r"not \(0, 64\) and 2"):
        pseudo_video(astronaut, (0, 64), 2)
    with pytest.raises(ValueError, match=r"an image is uint8 \(H, W, 3\), not uint8 \(512, 512\)"):
        pseudo_video(astronaut[..., 0], (36, 64), 2)
