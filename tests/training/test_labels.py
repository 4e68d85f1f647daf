"""Pseudo-labels: what several answers together say, and the clips made of it."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pocketmatte.clips import open_clip
from pocketmatte.media import open_frames
from pocketmatte.pictures import UInt8Array, read_matte, write_image
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.training.clip_runs import clip_numbers, runs_of
from pocketmatte.training.labels import FILE_NAME, Rules, label_footage
from pocketmatte.training.onnx_settings import OnnxSettings
from pocketmatte.training.onnx_teacher import OnnxTeacher
from pocketmatte.training.opinions import Label, opinion_of
from pocketmatte.training.unlabelled import Footage, find_unlabelled
from tests.training.onnx_files import HW, bright, picture
from tiers.errors import CheckpointError, MediaError, UsageError

RULES = Rules(agreement=0.5, every=1, hard=False)


def footage(folder: Path, count: int = 3) -> Footage:
    for number in range(count):
        (folder / "frames").mkdir(parents=True, exist_ok=True)
        write_image(folder / "frames" / f"{number}.png", picture(number))
    return Footage(name=folder.name, frames=open_frames(folder / "frames"))


class Fixed:
    """A teacher that answers with planes, whatever it is shown, one a frame."""

    def __init__(self, *planes: FloatArray) -> None:
        self.planes, self.asked = planes, list[list[UInt8Array]]()

    @property
    def facts(self) -> Mapping[str, object]:
        return {"name": "fixed", "sha256": "0"}

    def begin(self, size_hw: tuple[int, int]) -> Label:
        assert size_hw == HW
        shown: list[UInt8Array] = []
        self.asked.append(shown)

        def label(frame: UInt8Array) -> FloatArray:
            shown.append(frame)
            return self.planes[min(len(shown), len(self.planes)) - 1]

        return label


def test_answers_are_put_together_as_computed_by_hand() -> None:
    first = np.array([[0.9, 0.2, 0.0, 1.0]], np.float32)
    second = np.array([[0.7, 0.6, 0.0, 0.4]], np.float32)
    opinion = opinion_of([first, second])
    np.testing.assert_allclose(opinion.alpha, [[0.8, 0.4, 0.0, 0.7]], atol=1e-6)
    np.testing.assert_allclose(opinion.confidence, [[0.8, 0.6, 1.0, 0.4]], atol=1e-6)
    assert opinion.agreement == pytest.approx(1 / 3)  # masks 1001 and 1100


def test_of_answers_that_find_nothing_no_agreement_is_said() -> None:
    faint, one = np.full((2, 2, 3), 0.4, np.float32)
    opinion = opinion_of([faint, one])
    assert opinion.agreement is None
    assert opinion.found == (False, False)
    one[0, 0] = 0.5
    opinion = opinion_of([faint, one])
    assert opinion.agreement == 0
    assert opinion.found == (False, True)


planes = arrays.arrays(np.float32, (3, 2, 4), elements=st.floats(0, 1, width=32))


@settings(max_examples=100, deadline=None)
@given(planes, st.permutations(range(3)))
def test_the_order_of_answers_does_not_matter_and_equal_ones_leave_no_doubt(
    answers: FloatArray, order: list[int]
) -> None:
    opinion, again = opinion_of(list(answers)), opinion_of([answers[place] for place in order])
    np.testing.assert_allclose(opinion.alpha, again.alpha, atol=1e-6)
    np.testing.assert_array_equal(opinion.confidence, again.confidence)
    assert opinion.agreement == again.agreement
    pairs = [abs(a - b) for a in answers for b in answers]
    np.testing.assert_allclose(1 - opinion.confidence, np.max(pairs, axis=0), atol=1e-6)
    same = opinion_of([answers[0], answers[0]])
    assert (same.confidence == 1).all()
    assert same.agreement == (1 if (answers[0] >= 0.5).any() else None)


def test_a_network_that_likes_the_right_side_is_doubted_there(tmp_path: Path) -> None:
    path = bright(tmp_path / "net.onnx", 0.6, tilt=0.4)
    grey = np.full((*HW, 3), 128, np.uint8)
    write_image(tmp_path / "grey.png", grey)
    found = Footage(name="grey", frames=open_frames(tmp_path / "grey.png"))
    teacher = OnnxTeacher(path, OnnxSettings(), 1)
    done = label_footage(
        found, [teacher], Rules(agreement=0, every=1, hard=False), tmp_path / "out"
    )
    assert (done.kept, done.agreement) == (1, 0)  # each half is found in one of both
    confidence = read_matte(tmp_path / "out/grey/confidence/000000.png")
    np.testing.assert_array_equal(confidence, confidence[:, ::-1])
    assert confidence[:, 0].max() < 30
    assert confidence[:, 15:17].min() > 220


def test_a_clip_holds_what_was_said_of_its_frames(tmp_path: Path) -> None:
    values = np.linspace(0, 1, HW[0] * HW[1], dtype=np.float32).reshape(HW)
    teacher = Fixed(values)
    done = label_footage(footage(tmp_path / "walk"), [teacher], RULES, tmp_path / "out")
    back = values[:, ::-1]
    clip = open_clip(tmp_path / "out/walk")
    assert (len(clip), done.kept, done.frames) == (3, 3, 3)
    for number, (frame, alpha) in enumerate(clip):
        np.testing.assert_array_equal(np.rint(255 * frame), picture(number))
        np.testing.assert_allclose(alpha, (values + back) / 2, atol=0.5 / 255 + 1e-6)
        confidence = read_matte(tmp_path / f"out/walk/confidence/{number:06}.png") / 255
        np.testing.assert_allclose(confidence, 1 - abs(values - back), atol=0.5 / 255 + 1e-6)
    facts = json.loads((tmp_path / "out/walk" / FILE_NAME).read_text())
    assert facts["teachers"] == [{"name": "fixed", "sha256": "0"}]
    assert facts["settings"] == {
        "agreement": 0.5, "every": 1, "hard": False, "frames": None, "keep_empty": False,
    }  # fmt: skip
    assert (facts["frames"], facts["kept"], facts["empty"], facts["found"]) == (3, 3, 0, [3])
    assert facts["runs"] == [[0, 2]]
    assert facts["confidence"] == pytest.approx(float((1 - abs(values - back)).mean()))


def test_mirror_images_are_shown_to_a_teacher_of_their_own(tmp_path: Path) -> None:
    teacher = Fixed(np.ones(HW, np.float32))
    label_footage(footage(tmp_path / "walk"), [teacher], RULES, tmp_path / "out")
    straight, mirrored = teacher.asked
    for number in range(3):
        np.testing.assert_array_equal(straight[number], picture(number))
        np.testing.assert_array_equal(mirrored[number], picture(number)[:, ::-1])


def test_frames_of_little_agreement_are_left_out(tmp_path: Path) -> None:
    left = np.zeros(HW, np.float32)
    left[:, :20] = 1
    whole = np.ones(HW, np.float32)
    teacher = Fixed(whole, left, whole)  # left and its mirror image share 8 of 32 columns
    rules = Rules(agreement=0.3, every=1, hard=False)
    done = label_footage(footage(tmp_path / "walk"), [teacher], rules, tmp_path / "out")
    assert (done.frames, done.kept) == (3, 2)
    assert done.agreement == pytest.approx((2 + 0.25) / 3)
    for folder in ("frames", "alpha", "confidence"):
        names = sorted(path.name for path in (tmp_path / "out/walk" / folder).iterdir())
        assert names == ["000000.png", "000002.png"]


def test_frames_in_which_nothing_is_found_are_counted_and_left_out(tmp_path: Path) -> None:
    nothing, left, whole = (np.full(HW, value, np.float32) for value in (0.006, 0.006, 1))
    left[:, :20] = 1
    teachers = [Fixed(nothing, left, whole, nothing), Fixed(nothing, nothing, whole, nothing)]
    made_of = footage(tmp_path / "walk", 4)
    done = label_footage(made_of, teachers, RULES, tmp_path / "out")
    assert (done.frames, done.kept, done.empty, done.found) == (4, 1, 2, (2, 1))
    assert done.agreement == pytest.approx(1 / 2)  # of frames 1, where one finds nothing, and 2
    names = [path.name for path in (tmp_path / "out/walk/alpha").iterdir()]
    assert names == ["000002.png"]
    rules = dataclasses.replace(RULES, keep_empty=True)
    done = label_footage(made_of, teachers, rules, tmp_path / "all")
    assert (done.kept, done.empty, done.runs) == (3, 2, ((0, 0), (2, 3)))
    alone = label_footage(made_of, [Fixed(nothing)], RULES, tmp_path / "none")
    assert (alone.kept, alone.empty, alone.agreement) == (0, 4, None)
    again = label_footage(made_of, [Fixed(nothing)], RULES, tmp_path / "none")
    assert again == dataclasses.replace(alone, known=True)


def test_what_is_left_out_is_a_gap_that_training_does_not_reach_over(tmp_path: Path) -> None:
    left, whole = np.zeros(HW, np.float32), np.ones(HW, np.float32)
    left[:, :20] = 1
    teacher = Fixed(whole, whole, left, whole, whole, whole)
    rules = Rules(agreement=0.3, every=2, hard=False)
    done = label_footage(footage(tmp_path / "walk", 9), [teacher], rules, tmp_path / "out")
    assert done.runs == ((0, 2), (6, 8))  # of frames 0, 2, 4, 6 and 8 the third was left out
    assert runs_of(tmp_path / "out/walk") == (range(2), range(2, 4))
    drawn = [
        set(clip_numbers(np.random.default_rng(seed), tmp_path / "out/walk", 2, 3))
        for seed in range(20)
    ]
    assert {0, 1} in drawn
    assert {2, 3} in drawn
    assert all(numbers in ({0, 1}, {2, 3}) for numbers in drawn)


def test_so_many_frames_are_labelled_and_no_more_is_asked(tmp_path: Path) -> None:
    teacher = Fixed(np.ones(HW, np.float32))
    rules = Rules(agreement=0.5, every=2, hard=False, frames=2)
    done = label_footage(footage(tmp_path / "walk", 9), [teacher], rules, tmp_path / "out")
    assert (done.frames, done.kept, done.runs) == (2, 2, ((0, 2),))
    assert [len(shown) for shown in teacher.asked] == [2, 2]


def test_hard_masks_and_every_other_frame(tmp_path: Path) -> None:
    values = np.where(np.arange(HW[1]) < 5, 0.49, 0.5).astype(np.float32) * np.ones((HW[0], 1))
    symmetric = np.minimum(values, values[:, ::-1]).astype(np.float32)
    rules = Rules(agreement=0, every=2, hard=True)
    label_footage(footage(tmp_path / "walk"), [Fixed(symmetric)], rules, tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out/walk/masks").iterdir())
    assert names == ["000000.png", "000002.png"]
    mask = read_matte(tmp_path / "out/walk/masks/000002.png")
    np.testing.assert_array_equal(mask, np.where(symmetric >= 0.5, 255, 0))
    assert not (tmp_path / "out/walk/alpha").exists()


def test_answers_that_are_not_finite_are_told_and_leave_nothing(tmp_path: Path) -> None:
    teacher = Fixed(np.full(HW, np.nan, np.float32))
    with pytest.raises(CheckpointError, match="fixed gives NaN or infinity; leave it out"):
        label_footage(footage(tmp_path / "walk"), [teacher], RULES, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_clips_are_found_in_folders_of_all_kinds(tmp_path: Path) -> None:
    footage(tmp_path / "all/one")
    for name in ("all/two/a.png", "all/two/b.png", "all/c.png", "all/empty/note.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".png":
            write_image(path, picture())
        else:
            path.touch()

    def counted(*paths: str, apart: bool = False) -> dict[str, int | None]:
        found = find_unlabelled([tmp_path / path for path in paths], apart=apart)
        return {each.name: each.frames.count for each in found}

    assert counted("all") == {"all": 1, "one": 3, "two": 2}
    assert counted("all/one", "all/c.png") == {"one": 3, "c": 1}
    assert counted("all/two", apart=True) == {"two-a": 1, "two-b": 1}
    with pytest.raises(MediaError, match="empty: no frames; put videos, pictures or folders"):
        counted("all/empty")
    with pytest.raises(UsageError, match=r"frames and .*frames would both be one; rename one"):
        counted("all", "all/one")
