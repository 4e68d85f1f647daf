"""Frames in any order, the brush, and jobs."""

import json
import math
import threading
from array import array
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from pocketmatte.cut.rounds import read_script
from pocketmatte.matting.crop import Box, drawn
from pocketmatte.media import open_frames
from pocketmatte.protocols.opening import torch_tier
from pocketmatte.studio.brush import line_px, painted
from pocketmatte.studio.choices import engines
from pocketmatte.studio.exports import script_text
from pocketmatte.studio.guard import new_token
from pocketmatte.studio.jobs import Jobs
from pocketmatte.studio.meter import Meter
from pocketmatte.studio.reel import wound
from tests.pocketmatte.cut.made import Clip, clip, write_video
from tests.pocketmatte.report.made import artifact, written
from tiers.contract_table import contracts
from tiers.errors import MediaError, UsageError
from tiers.ladder import LADDERS, tier


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a video with pictures between pictures and several places to seek to."""
    frames = [f for f in clip(30).frames for _ in range(3)]
    for number, frame in enumerate(frames):
        frame = frames[number] = frame.copy()
        frame[:8, : 2 * number + 2] = 255
    return write_video(tmp_path_factory.mktemp("long") / "long.mp4", frames)


@pytest.mark.parametrize("order", [[0, 89, 45, 44, 3, 88, 60], [70, 10, 71, 11, 2, 1, 0]])
def test_a_sought_frame_is_the_one_that_is_read_on_the_way(long: Path, order: list[int]) -> None:
    straight = list(open_frames(long))
    reel = wound(open_frames(long), lambda: None)
    assert reel.count == len(straight)
    for number in order:
        assert np.array_equal(reel.picture(number), straight[number]), number
    assert reel._stamps, "seeking was given up"


def test_where_seeking_leads_elsewhere_the_video_is_read_on_the_way(long: Path) -> None:
    straight = list(open_frames(long))
    reel = wound(open_frames(long), lambda: None)
    reel._stamps = array("q", [reel._stamps[0] + n for n in range(90)])  # of another video
    for number in (70, 20, 45):
        assert np.array_equal(reel.picture(number), straight[number]), number
    assert not reel._stamps


def test_frames_of_odd_sides_come_in_any_order(tmp_path: Path) -> None:
    frames = [np.full((57, 111, 3), 9 * n, dtype=np.uint8) for n in range(20)]
    with av.open(str(tmp_path / "odd.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = 57, 111, "bgr0"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    reel = wound(open_frames(tmp_path / "odd.mkv"), lambda: None)
    for number in (19, 3, 11):
        assert np.array_equal(reel.picture(number), frames[number])


def test_few_frames_are_kept(long: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reel = wound(open_frames(long), lambda: None)
    monkeypatch.setattr("pocketmatte.studio.reel._KEPT_BYTES", 3 * reel.picture(0).nbytes)
    for number in range(20):
        reel.picture(number)
    assert len(reel._kept) == 3


def test_a_file_that_was_exchanged_is_told(long: Path, tmp_path: Path, seven: Clip) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(long.read_bytes())
    reel = wound(open_frames(path), lambda: None)
    write_video(path, seven.frames)
    with pytest.raises(MediaError, match="the file changed meanwhile; open it again"):
        reel.picture(50)


def test_a_frame_that_is_not_there_is_refused(long: Path) -> None:
    reel = wound(open_frames(long), lambda: None)
    with pytest.raises(UsageError, match="frame 90 is no frame of the source; give 0 to 89"):
        reel.picture(90)


def test_frames_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (60, 60)).save(tmp_path / "a.png")
    monkeypatch.setattr("pocketmatte.studio.reel.MOST_PIXELS", 3000)
    with pytest.raises(MediaError, match="frames are 60x60; the studio takes 3000 pixels"):
        wound(open_frames(tmp_path / "a.png"), lambda: None)


@pytest.mark.parametrize("name", LADDERS["scribble"])
def test_a_wide_brush_has_no_gap_at_any_tier(name: str) -> None:
    size_hw, size_px = (720, 1280), 90.0
    way = [(300, 300), (340, 324), (400, 360), (460, 396), (500, 420)]
    lines = painted(way, size_px, size_hw, positive=True)
    side = 360  # the smallest crop that a round looks at
    box = Box(top=180, left=220, height=side, width=side)
    at = LADDERS["scribble"][name].output_hw
    ink = drawn(lines, box, at).positive
    y, x = (np.indices(at) + 0.5) * side / at[0]
    x, y = x + box.left, y + box.top
    t = np.clip(((x - 300) * 200 + (y - 300) * 120) / (200**2 + 120**2), 0, 1)
    far = np.hypot(x - 300 - 200 * t, y - 300 - 120 * t)
    assert ink[far < size_px / 2 - 8].all()
    assert not ink[far > size_px / 2 + 8].any()


def test_a_wide_brush_turns_without_a_gap() -> None:
    size_hw, size_px, centre = (720, 1280), 120.0, np.array([640.0, 360.0])
    angles = np.linspace(0, 4.0, 60)
    arc = [(640 + 150 * math.cos(a), 360 + 150 * math.sin(a)) for a in angles]
    lines = painted([*arc, (640.0, 360.0)], size_px, size_hw, positive=True)
    ink = drawn(lines, Box(top=100, left=380, height=520, width=520), (520, 520)).positive
    y, x = np.indices((520, 520))
    x, y = x + 380 - centre[0], y + 100 - centre[1]
    turned = np.arctan2(y, x) % (2 * math.pi)
    on_arc = (np.abs(np.hypot(x, y) - 150) < size_px / 2 - 8) & (turned < 4.0)
    assert ndimage.binary_closing(ink, iterations=2)[on_arc].all()  # lines of 3 pixels at this size


def test_a_stroke_stays_inside_the_picture_and_a_thin_one_is_a_line() -> None:
    lines = painted([(0, 0), (5, 3)], 60, (100, 200), positive=False)
    points = np.array([point for line in lines for point in line.points])
    assert points.min() >= 0
    assert (points <= [199, 99]).all()
    assert not any(line.positive for line in lines)
    (thin,) = painted([(4, 4), (9, 4)], line_px((100, 200)), (100, 200), positive=True)
    assert (thin.points[0], thin.points[-1]) == ((4, 4), (9, 4))


def test_the_longest_stroke_has_a_bounded_number_of_lines() -> None:
    zigzag = [(float(x % 2 * 1900), float(x % 1000)) for x in range(20_000)]
    lines = painted(zigzag, 200, (1080, 1920), positive=True)
    assert sum(len(line.points) for line in lines) < 50_000


def test_a_fault_of_ours_ends_the_job_and_not_the_studio(
    capsys: pytest.CaptureFixture[str],
) -> None:
    jobs = Jobs(lambda: None)
    jobs.start("trying", lambda _: [][1])
    assert jobs.wait(30)
    assert "IndexError" in str(jobs.ended.error)
    assert "Traceback" in capsys.readouterr().err
    jobs.start("again", lambda _: None)
    assert jobs.wait(30)
    assert jobs.ended.error is None
    jobs.close()


def test_a_second_job_is_refused_while_one_runs_and_closing_stops_it() -> None:
    jobs = Jobs(lambda: None)
    begun = threading.Event()

    def work(progress: Callable[..., object]) -> None:
        with progress(None, "waiting") as advance:  # type: ignore[attr-defined]
            begun.set()
            while True:
                advance("")

    jobs.start("waiting", work)
    assert begun.wait(30)
    with pytest.raises(UsageError, match="busy with waiting; wait for it, or stop it"):
        jobs.start("another", lambda _: None)
    jobs.close()
    assert jobs.ended.cancelled


def test_waiting_for_a_job_is_not_ended_by_the_one_before() -> None:
    jobs: Jobs
    go_on = threading.Event()
    begun = threading.Event()

    def second(_: object) -> None:
        go_on.wait(30)

    def again() -> None:  # as a page does that asks for more as soon as it hears that one ended
        if jobs.ended.number == 1 and not begun.is_set():
            begun.set()
            jobs.start("second", second)

    jobs = Jobs(again)
    jobs.start("first", lambda _: None)
    assert begun.wait(30)
    assert not jobs.wait(0.2)
    go_on.set()
    assert jobs.wait(30)
    jobs.close()


def test_a_network_is_added_while_nobody_looks_at_the_figures() -> None:
    meter = Meter(None)
    with torch_tier(tier("rvm", "t01"), weights=None, threads=1) as opened:
        thread = threading.Thread(target=meter.watch, args=(opened,))
        with meter._lock:
            thread.start()
            thread.join(1)
            assert thread.is_alive()
        thread.join(30)
    assert not thread.is_alive()
    assert list(meter._watched) == ["rvm"]


def test_tokens_are_long_and_differ() -> None:
    assert len({new_token() for _ in range(50)}) == 50
    assert len(new_token()) >= 40


def test_a_bundle_offers_what_it_holds_whole(tmp_path: Path) -> None:
    files = [artifact(form=form, recipe="fp16") for form in ("onnx", "executorch")]
    root = written(tmp_path / "bundle", [artifact(tier="t03"), *files])
    torch, *found = engines(root, "landscape")
    assert torch.form == "torch"
    assert torch.tiers["stfam"][:2] == ("t01", "t02")
    assert [(each.form, each.recipe, each.tiers["rvm"]) for each in found] == [
        ("executorch", "fp16", ("t01",)),
        ("onnx", "fp16", ("t01",)),
        ("onnx", "fp32", ("t03",)),
    ]
    assert all(not each.tiers[way] for each in found for way in ("stfam", "mask", "matanyone"))
    assert [each.form for each in engines(root, "portrait")] == ["torch"]


def test_a_network_that_lacks_a_program_is_not_offered(tmp_path: Path) -> None:
    whole = [artifact("foreground", program="segment"), artifact("scribble", program="correct")]
    programs = [contract.name for contract in contracts(tier("matanyone", "t01"))]
    files = [*whole, *(artifact("matanyone", program=program) for program in programs)]
    (_, onnx) = engines(written(tmp_path / "whole", files), "landscape")
    assert onnx.tiers["matanyone"] == ("t01",)
    assert len(engines(written(tmp_path / "part", files[:-1]), "landscape")) == 1


def test_fresh_says_where_strokes_begin_and_nothing_else(tmp_path: Path) -> None:
    strokes = [{"positive": True, "points": [[1, 2]]}]
    script = tmp_path / "rounds.json"
    script.write_text(json.dumps([{"fresh": True, "strokes": strokes}]))
    (made,) = read_script(script)
    assert made.fresh
    assert json.loads(script_text([made])) == [{"frame": 0, "fresh": True, "strokes": strokes}]
    script.write_text(json.dumps([{"fresh": True, "auto": True}]))
    with pytest.raises(UsageError, match="entry 0 is fresh but has no strokes"):
        read_script(script)
