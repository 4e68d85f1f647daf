"""What a user does in a session, at t01 in PyTorch with the shipped weights."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pocketmatte.cut.composing import Masks
from pocketmatte.cut.rounds import Round
from pocketmatte.cut.templates import Templates
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.studio.brush import painted
from pocketmatte.studio.choices import Choice
from pocketmatte.studio.exports import script_text
from pocketmatte.studio.lane import Lane
from pocketmatte.studio.lanes import MOST_LANES
from pocketmatte.studio.requests import ExportRequest
from pocketmatte.studio.session import Session
from tests.pocketmatte.cut.made import Clip, Cutter, read_alpha_video, read_pictures, sound_packets
from tests.pocketmatte.studio.steps import OUTSIDE, Steps
from tiers.errors import MediaError, UsageError


def lane_of(steps: Steps) -> Lane:
    lane = steps.session.lane("left")
    assert lane is not None
    return lane


def mask_of(steps: Steps, frame: int) -> np.ndarray:
    mask = lane_of(steps).mask(frame)
    assert mask is not None
    return mask


def likeness(found: np.ndarray, true: np.ndarray) -> float:
    """IoU from a half on."""
    one, other = found >= 128, true >= 128
    return float((one & other).sum() / (one | other).sum())


def test_the_subject_is_found_followed_and_matted(steps: Steps, seven: Clip) -> None:
    steps.find()
    assert likeness(mask_of(steps, 0), seven.masks[0]) > 0.8
    assert lane_of(steps).mask(3) is None
    steps.follow()
    assert all(likeness(mask_of(steps, n), seven.masks[n]) > 0.7 for n in range(7))
    steps.matte()
    held = lane_of(steps).matted
    assert held is not None
    assert held[0].count == 7


def test_a_round_is_undone_and_redone_with_all_that_came_of_it(steps: Steps) -> None:
    steps.find()
    found = mask_of(steps, 0)
    steps.follow()
    steps.paint(OUTSIDE, positive=False)
    corrected = mask_of(steps, 0)
    assert not np.array_equal(found, corrected)
    steps.session.step_back()
    assert np.array_equal(mask_of(steps, 0), found)
    assert lane_of(steps).is_followed
    steps.session.step_forward()
    assert np.array_equal(mask_of(steps, 0), corrected)
    assert not lane_of(steps).is_followed
    with pytest.raises(UsageError, match="nothing to redo"):
        steps.session.step_forward()


def test_another_round_in_place_of_an_undone_one_is_as_if_that_had_never_been(steps: Steps) -> None:
    steps.find()
    steps.paint(OUTSIDE, positive=False)
    straight = mask_of(steps, 0)
    steps.session.step_back()
    steps.paint()
    steps.follow()
    steps.session.step_back()
    steps.paint(OUTSIDE, positive=False)
    assert np.array_equal(mask_of(steps, 0), straight)
    assert not steps.session.history.can_redo


def test_a_round_that_was_stopped_or_failed_leaves_no_trace(
    steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps.find()
    steps.paint(OUTSIDE, positive=False)
    wanted = mask_of(steps, 0)
    steps.session.step_back()
    size_hw = steps.session.required().reel.size_hw
    lines = painted([(5, 5), (150, 100)], 40, size_hw, positive=True)
    made = Templates.make

    def stopped(self: Templates, this: Round, before: Masks | None) -> FloatArray:
        found = made(self, this, before)
        steps.session.jobs.cancel()
        return found

    def refused(*_: object) -> None:
        msg = "the disk is full"
        raise MediaError(msg)

    with monkeypatch.context() as patch:
        patch.setattr(Templates, "make", stopped)
        assert steps.ended(steps.session.draw(0, lines, fresh=False)).cancelled
    with monkeypatch.context() as patch:
        patch.setattr("pocketmatte.studio.lane.write_image", refused)
        ended = steps.ended(steps.session.draw(0, lines, fresh=False))
        assert ended.error == "the disk is full"
    assert len(steps.session.rounds) == 1
    steps.paint(OUTSIDE, positive=False)
    assert np.array_equal(mask_of(steps, 0), wanted)


def test_clearing_takes_back_all_rounds_and_can_be_undone(steps: Steps) -> None:
    steps.find()
    found = mask_of(steps, 0)
    steps.session.clear()
    assert (steps.session.rounds, lane_of(steps).mask(0)) == ((), None)
    steps.session.step_back()
    assert np.array_equal(mask_of(steps, 0), found)


def test_strokes_on_a_fresh_mask_do_not_begin_from_what_was_found(steps: Steps) -> None:
    steps.paint(fresh=True)
    networks = {each.network for each in lane_of(steps).meter.figures}
    assert "foreground" not in networks
    assert steps.session.rounds[0].fresh


def test_strokes_on_another_frame_correct_what_was_carried_there(steps: Steps) -> None:
    steps.find()
    steps.paint(OUTSIDE, frame=5, positive=False)  # nobody pressed Follow
    assert lane_of(steps).mask(3) is not None
    steps.follow()
    assert "fusion" in {each.network for each in lane_of(steps).meter.figures}


@pytest.mark.parametrize("way", ["stfam", "mask", "matanyone"])
def test_cut_makes_the_same_of_the_exported_rounds(
    steps: Steps, cutter: Cutter, video: Path, tmp_path: Path, way: str
) -> None:
    steps.session.choose("left", Choice(way=way, tier="t01"))  # type: ignore[arg-type]
    steps.paint(OUTSIDE, frame=4, positive=False, size_px=9)
    steps.paint(frame=4)
    if way != "matanyone":
        steps.follow()
        steps.paint(frame=1)
    steps.matte()
    with zipfile.ZipFile(steps.export("png")) as archive:
        archive.extractall(tmp_path / "studio")
    script = tmp_path / "rounds.json"
    script.write_text(script_text(steps.session.rounds))
    words = {"stfam": (), "mask": ("--alpha", "mask"), "matanyone": ("--method", "matanyone")}[way]
    cutter.cut(video, tmp_path / "cut", "--rounds", script, *words)
    pairs = zip(read_pictures(tmp_path / "studio"), read_pictures(tmp_path / "cut"), strict=True)
    assert [np.array_equal(one, other) for one, other in pairs] == [True] * 7


def test_fresh_rounds_are_fresh_in_cut_too(
    steps: Steps, cutter: Cutter, video: Path, tmp_path: Path
) -> None:
    steps.session.choose("left", Choice(way="mask", tier="t01"))
    steps.paint(fresh=True)
    steps.matte()
    with zipfile.ZipFile(steps.export("png")) as archive:
        archive.extractall(tmp_path / "studio")
    script = tmp_path / "rounds.json"
    script.write_text(script_text(steps.session.rounds))
    result = cutter.cut(video, tmp_path / "cut", "--rounds", script, "--alpha", "mask")
    assert set(result["networks"]["networks"]) == {"scribble", "propagation"}
    pairs = zip(read_pictures(tmp_path / "studio"), read_pictures(tmp_path / "cut"), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_the_right_pane_runs_the_same_rounds_with_its_own_networks(steps: Steps) -> None:
    steps.session.choose("right", Choice(way="matanyone", tier="t01"))
    steps.find()
    steps.matte("right")
    right = steps.session.lane("right")
    assert right is not None
    assert right.rounds == steps.session.rounds
    assert {each.network for each in right.meter.figures} == {"foreground", "matanyone"}
    assert not lane_of(steps).is_matted


def test_rvm_needs_no_subject_and_takes_no_stroke(steps: Steps) -> None:
    steps.session.choose("left", Choice(way="rvm", tier="t01"))
    with pytest.raises(UsageError, match="rvm finds people by itself"):
        steps.session.draw(0, (), fresh=False)
    steps.matte()
    assert lane_of(steps).is_matted


def test_videos_keep_alpha_and_sound(steps: Steps) -> None:
    steps.find()
    steps.matte()
    webm = steps.export("webm")
    pictures = read_alpha_video(webm)
    assert len(pictures) == 7
    assert pictures[0][..., 3].min() < 10
    assert pictures[0][..., 3].max() > 245
    assert sound_packets(webm)
    assert read_alpha_video(steps.export("mov"))[0].shape[2] == 4
    assert sound_packets(steps.export("mp4"))


def test_a_mask_is_exported_before_anything_is_matted(steps: Steps, seven: Clip) -> None:
    steps.find()
    mask = np.asarray(Image.open(steps.export("mask")))
    assert likeness(mask, seven.masks[0]) > 0.8
    job = steps.session.export(ExportRequest(pane="left", kind="mask", frame=3))
    assert "frame 3 has no mask yet" in str(steps.ended(job).error)


def test_a_picture_is_picked_matted_and_taken_as_png(
    session: Session, seven: Clip, tmp_path: Path
) -> None:
    path = tmp_path / "still.png"
    Image.fromarray(seven.frames[0]).save(path)
    steps = Steps(session)
    steps.end(session.open(path, "still.png", uploaded=False))
    session.choose("left", Choice(way="stfam", tier="t01"))
    steps.find()
    steps.matte()
    made = np.asarray(Image.open(steps.export("png")))
    assert made.shape == (*seven.frames[0].shape[:2], 4)
    assert steps.session.results.kept[-1].path.suffix == ".png"


def test_choices_that_were_left_are_closed_but_for_a_few(steps: Steps, session: Session) -> None:
    steps.find()
    for way, tier in (("mask", "t01"), ("mask", "t02"), ("matanyone", "t01"), ("mask", "t03")):
        session.choose("left", Choice(way=way, tier=tier))  # type: ignore[arg-type]
        steps.end(session.follow("left"))
    assert len(list(session.folder.glob("lane-*/work"))) == MOST_LANES


def test_an_upload_goes_when_another_one_is_opened(session: Session, video: Path) -> None:
    steps = Steps(session)
    for _ in range(2):
        path = session.new_folder("upload") / "source.mp4"
        path.write_bytes(video.read_bytes())
        steps.end(session.open(path, "clip.mp4", uploaded=True))
    assert len(list(session.folder.glob("upload-*/source.mp4"))) == 1
    session.close()
    assert list(session.folder.glob("upload-*/source.mp4")) == []
    assert video.is_file()


def test_a_source_that_is_no_video_leaves_the_open_one_as_it_is(
    steps: Steps, session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"no video at all")
    error = steps.ended(session.open(path, "broken.mp4", uploaded=True)).error
    assert "is no readable video" in str(error)
    assert not path.exists()
    assert session.required().name == "clip.mp4"


def test_what_nothing_runs_is_refused(steps: Steps) -> None:
    with pytest.raises(UsageError, match=r"has no tier t99 of stfam; it has t01, t02"):
        steps.session.choose("left", Choice(way="stfam", tier="t99"))
    with pytest.raises(UsageError, match="nothing here runs onnx fp32; there is torch fp32"):
        steps.session.choose("left", Choice(way="stfam", tier="t01", form="onnx"))


def test_matanyone_refuses_a_second_frame(steps: Steps) -> None:
    steps.find()
    steps.session.choose("left", Choice(way="matanyone", tier="t01"))
    with pytest.raises(UsageError, match="matanyone starts from one frame, not 0, 3; undo"):
        steps.session.draw(3, (), fresh=False)
