"""A pass by itself, with a network that is a function of the frame's number."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pocketmatte.cut.footage import Footage, counted
from pocketmatte.cut.passes import Pass, as_found, play, steady
from pocketmatte.cut.work import Work
from pocketmatte.media import open_frames
from pocketmatte.runtimes.protocol import FloatArray
from tests.pocketmatte.cut.made import Clip, Picture
from tiers.errors import MediaError

HW = (16, 32)


class Counting:
    """Alpha of a frame is its number over 100; one of them may be broken."""

    def __init__(self, broken: int | None = None) -> None:
        self.run: Any = type("Run", (), {"latest": {}})()
        self._broken = broken
        self.stepped: list[int] = []

    def begin(self) -> None:
        pass

    def skip(self) -> None:
        raise AssertionError

    def step(self, number: int, frame: Picture) -> FloatArray:
        assert frame.shape == (*HW, 3)
        self.stepped.append(number)
        value = np.nan if number == self._broken else number / 100
        return np.full(HW, value, np.float32)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    (tmp_path / "work").mkdir()
    return Work(tmp_path / "work", resumed=False)


@pytest.fixture
def footage(nine: Clip, work: Work, tmp_path: Path) -> Footage:
    source = open_frames(nine.folder(tmp_path / "clip"))
    return counted(source, work, {8}, HW, lambda: None)


def passing(work: Work, numbers: range) -> Pass:
    return Pass(name="p", numbers=numbers, size_hw=HW, into=work.store("p", HW))


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("numbers", [range(2, 9), range(7, -1, -1)])
def test_a_pass_takes_every_frame_once_in_its_own_order(
    work: Work, footage: Footage, numbers: range
) -> None:
    player, ticks = Counting(), []
    this = passing(work, numbers)
    play(work, footage, this, player, lambda: ticks.append(1), as_found)
    assert player.stepped == list(numbers)
    assert len(ticks) == len(numbers)
    for number in numbers:
        assert this.into.read(number)[0, 0] == round(number * 2.55)
    kept = work.kept("p")
    assert kept is not None
    assert kept[0] == len(numbers)


@pytest.mark.usefixtures("small_chunks")
def test_frames_are_the_same_forwards_and_backwards(footage: Footage) -> None:
    ahead = list(footage.small(range(8), HW))
    back = list(footage.small(range(7, -1, -1), HW))[::-1]
    assert all(np.array_equal(one, other) for one, other in zip(ahead, back, strict=True))


@pytest.mark.usefixtures("small_chunks")
def test_a_network_that_gives_no_number_is_told_by_its_frame(work: Work, footage: Footage) -> None:
    with pytest.raises(MediaError, match="pass p gave NaN or infinity at frame 4; take another"):
        play(work, footage, passing(work, range(9)), Counting(4), lambda: None, as_found)
    kept = work.kept("p")
    assert kept is not None
    assert kept[0] == 3  # the chunk before is kept


def test_a_position_that_no_pass_has_is_refused(work: Work, footage: Footage) -> None:
    work.keep("p", 10, {})
    with pytest.raises(MediaError, match="pass p of 9 frames was left at 10; delete the work"):
        play(work, footage, passing(work, range(9)), Counting(), lambda: None, as_found)


def test_a_video_that_changed_meanwhile_is_told(
    work: Work, footage: Footage, tmp_path: Path
) -> None:
    short = Footage(
        open_frames(tmp_path / "clip"), 10, work.store("frames", (*HW, 3)), tmp_path / "none"
    )
    with pytest.raises(MediaError, match="had 10 frames and now 9: it changed meanwhile"):
        play(work, short, passing(work, range(10)), Counting(), lambda: None, as_found)
    assert footage.count == 9


def test_masks_that_the_user_gave_stay_where_all_others_are_steadied(
    work: Work, tmp_path: Path
) -> None:
    folder = tmp_path / "still"
    folder.mkdir()
    for number in range(4):
        Image.new("RGB", HW[::-1], (90, 90, 90)).save(folder / f"{number}.png")
    footage = counted(open_frames(folder), work, set(), HW, lambda: None)
    masks = work.store("masks", HW)
    masks.write(range(4), [np.full(HW, value, np.uint8) for value in (200, 0, 0, 0)])
    this = Pass(name="s", numbers=range(4), size_hw=HW, into=work.store("s", HW))
    steady(work, footage, this, masks, {2}, lambda: None)
    # half of the one before where nothing moves; frame 2 is given
    assert [int(this.into.read(number)[0, 0]) for number in range(4)] == [200, 100, 0, 0]
