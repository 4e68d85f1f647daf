"""The scripted user with the pipeline of ``cut``, at t01 in PyTorch with the shipped weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pocketmatte.cut.following import Following
from pocketmatte.cut.templates import NoSubjectError
from pocketmatte.interactive.evaluation import ClipPlayed, play_clip
from pocketmatte.interactive.following import winners
from pocketmatte.protocols.data import LabelledClip
from tests.pocketmatte.cut.made import HW, Clip, clip
from tiers.errors import MediaError

FRAMES = 4
WORDS = ("--tier", "t01", "--threads", 1)


@pytest.fixture(scope="module")
def four() -> Clip:
    return clip(FRAMES)


def written(made: Clip, path: Path, *, halves: bool = False) -> Path:
    """Write a clip; with ``halves``, its object as two, left and right."""
    (path / "masks").mkdir(parents=True)
    made.folder(path / "frames")
    for number, mask in enumerate(made.masks):
        labels = (mask >= 128).astype(np.uint8)
        if halves:
            labels[:, HW[1] // 2 :] *= 2
        picture = Image.fromarray(labels * (1 if halves else 255))
        picture.save(path / "masks" / f"{number:03}.png")
    return path


def test_a_user_who_gives_every_true_mask_reaches_one(
    cli: Callable[..., Any], four: Clip, tmp_path: Path
) -> None:
    folder = written(four, tmp_path / "clip")
    perfect = ("--start", "mask", "--correct", "mask", "--new-frames", "--no-smooth")
    said = cli("evaluate-cut", "--clips", folder, *WORDS, *perfect, "--json")
    assert said.code == 0, said.err
    report = said.json()
    rounds = report["clips"][0]["rounds"]
    assert {each["frame"] for each in rounds} == set(range(FRAMES))
    assert rounds[-1]["jf"] == 1.0
    assert rounds[0]["jf"] < 1.0
    assert report["mean"]["jf_8"] == 1.0
    assert report["clips"][0]["budget_seconds"] == 240.0


def test_strokes_find_the_person_and_the_same_seed_gives_the_same(
    cli: Callable[..., Any], four: Clip, tmp_path: Path
) -> None:
    folder = written(four, tmp_path / "clip")
    words = ("evaluate-cut", "--clips", folder, *WORDS, "--rounds", 3, "--json")
    reports = [cli(*words).json() for _ in range(2)]
    for report in reports:
        for each in report["clips"]:
            assert all(played.pop("seconds") > 0 for played in each["rounds"])
            for held in (each["metrics"], report["mean"]):
                measured = [name for name in held if name.startswith("measured")]
                assert len(measured) == 3
                for name in measured:
                    held.pop(name)
    assert reports[0] == reports[1]
    metrics = reports[0]["mean"]
    assert metrics["jf_3"] > 0.6
    # the first round goes to all frames but its own
    assert reports[0]["clips"][0]["rounds"][0]["followed"] == FRAMES - 1
    assert set(reports[0]["networks"]["networks"]) >= {"scribble", "propagation"}
    assert "foreground" not in reports[0]["networks"]["networks"]


def test_every_object_of_a_clip_is_followed_by_itself(
    cli: Callable[..., Any], four: Clip, tmp_path: Path
) -> None:
    one = written(four, tmp_path / "one")
    two = written(four, tmp_path / "two", halves=True)
    words = ("evaluate-cut", "--clips", one, two, *WORDS, "--start", "mask", "--rounds", 1)
    report = cli(*words, "--json").json()
    first, second = report["clips"]
    assert (first["objects"], second["objects"]) == (1, 2)
    assert second["budget_seconds"] == 2 * first["budget_seconds"]
    assert second["rounds"][0]["followed"] == 2 * first["rounds"][0]["followed"]
    assert second["metrics"]["jf_1"] > 0.7
    # every object counts once
    weighted = (first["metrics"]["jf_1"] + 2 * second["metrics"]["jf_1"]) / 3
    assert report["mean"]["jf_1"] == pytest.approx(weighted)


@pytest.mark.parametrize(
    ("error", "code"), [(MediaError("the disk is full"), 1), (KeyboardInterrupt(), 130)]
)
def test_a_run_that_ends_early_leaves_what_was_measured(
    cli: Callable[..., Any],
    four: Clip,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
) -> None:
    good, bad = written(four, tmp_path / "good"), written(four, tmp_path / "bad")

    def failing(played: LabelledClip, *more: Any) -> ClipPlayed:
        if played.clip.name == "bad":
            raise error
        return play_clip(played, *more)

    monkeypatch.setattr("pocketmatte.interactive.evaluation.play_clip", failing)
    said = cli("evaluate-cut", "--clips", good, bad, *WORDS, "--rounds", 1, "--json")
    assert said.code == code
    report = said.json()
    assert [each["clip"] for each in report["clips"]] == ["good"]
    assert report["mean"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--rounds", 0), "rounds is 0; it must be 1 or more"),
        (("--first-frame", 4), "frame 4 is no frame of it; it has 0 to 3"),
        (("--frames", 0), "--frames is 0; it must be 1 or more"),
        (("--seconds-a-frame", -1), "seconds a frame is -1; give a number above 0"),
        (("--tier", "t01,stfam=t02"), "stfam is not run here"),
        (("--fusion", "network", "--tier", "t01,fusion=t04"), "give fusion=t01"),
    ],
)
def test_wrong_use_is_one_line(
    cli: Callable[..., Any], four: Clip, tmp_path: Path, words: tuple[object, ...], said: str
) -> None:
    folder = written(four, tmp_path / "clip")
    assert said in cli("evaluate-cut", "--clips", folder, *WORDS, *words).refusal(2)


def test_a_clip_of_one_frame_is_corrected_there(
    cli: Callable[..., Any], four: Clip, tmp_path: Path
) -> None:
    folder = written(four, tmp_path / "clip")
    words = ("evaluate-cut", "--clips", folder, *WORDS, "--frames", 1, "--rounds", 2, "--json")
    rounds = cli(*words).json()["clips"][0]["rounds"]
    assert [(each["frame"], each["followed"]) for each in rounds] == [(0, 0), (0, 0)]


def test_a_folder_without_masks_is_refused(cli: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    assert "holds no pictures" in cli("evaluate-cut", "--clips", tmp_path, *WORDS).refusal(1)


def test_a_round_that_leaves_nothing_of_an_object_changes_nothing(
    cli: Callable[..., Any], four: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(four, tmp_path / "clip")
    words = ("evaluate-cut", "--clips", folder, *WORDS, "--start", "mask", "--json")
    (only,) = cli(*words, "--rounds", 1).json()["clips"][0]["rounds"]
    add = Following.add

    def erased(self: Following, cut: Any, index: int, round_: Any, **more: Any) -> None:
        if round_.strokes:
            raise NoSubjectError
        add(self, cut, index, round_, **more)

    monkeypatch.setattr(Following, "add", erased)
    rounds = cli(*words, "--rounds", 3).json()["clips"][0]["rounds"]
    assert [each["jf"] for each in rounds] == [only["jf"]] * 3
    assert [each["followed"] for each in rounds] == [FRAMES - 1, 0, 0]


def test_a_pixel_goes_to_the_likeliest_object_or_to_none() -> None:
    one = np.array([[0.5, 0.6, 0.2, 0.4]], np.float32)
    other = np.array([[0.1, 0.7, 0.2, 0.4]], np.float32)
    made = winners(np.stack([one, other]))
    # the background is 0.45, 0.12, 0.64 and 0.36
    assert made[0].tolist() == [[True, False, False, True]]
    assert made[1].tolist() == [[False, True, False, False]]
    assert winners(one[None])[0].tolist() == [[True, True, False, False]]
