"""A run that is stopped anywhere and gone on with gives what the whole run gives."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pocketmatte.cut.clock import Clock
from pocketmatte.cut.kinds import kind_of
from pocketmatte.cut.networks import Chosen
from pocketmatte.cut.request import Cut
from pocketmatte.cut.rounds import Round, read_script
from pocketmatte.cut.run import CutOut, cut_out
from pocketmatte.cut.work import work_path
from pocketmatte.cut.writers import writing
from tests.pocketmatte.cut.made import (
    HW,
    Clip,
    Cutter,
    read_alpha_video,
    read_pictures,
    stopping_after,
    write_video,
)

CHOSEN = Chosen(
    tiers={}, tier="t01", weights={}, bundle=None, form="onnx", recipe="fp32", threads=1
)
NEVER = 10**6
PATIENCE_SECONDS = 120  # a loaded machine takes long to import PyTorch


def run(source: Path, out: Path, rounds: tuple[Round, ...], steps: int, **more: Any) -> CutOut:
    method = more.pop("method", "propagate")
    cut = Cut(source=source, out=out, method=method, rounds=rounds, chosen=CHOSEN, **more)
    return cut_out(cut, stopping_after(steps))


@pytest.fixture
def rounds(nine: Clip, tmp_path: Path) -> tuple[Round, ...]:
    """Two templates with a correction between them: every pass there is."""
    nine.mask(5, tmp_path / "a.png")
    strokes = [{"positive": False, "points": [[2, 2], [20, 4]]}]
    entries = [{"frame": 5, "mask": "a.png"}, {"frame": 1, "strokes": strokes}]
    (tmp_path / "r.json").write_text(json.dumps(entries))
    return read_script(tmp_path / "r.json")


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("seed", range(2))
def test_stopped_at_random_frames_and_gone_on_with_it_equals_the_whole_run(
    nine: Clip, rounds: tuple[Round, ...], tmp_path: Path, seed: int
) -> None:
    source = nine.folder(tmp_path / "clip")
    run(source, tmp_path / "whole", rounds, NEVER)
    stops = random.Random(seed)
    for count in range(40):
        try:
            # 8 frames at least past what is skipped, so that every run gets on
            made = run(
                source, tmp_path / "parts", rounds, 12 * count + stops.randint(9, 20), resume=True
            )
            break
        except KeyboardInterrupt:
            assert not (tmp_path / "parts").exists()
    assert count > 1
    assert made.resumed
    for one, other in zip(
        read_pictures(tmp_path / "parts"), read_pictures(tmp_path / "whole"), strict=True
    ):
        assert np.array_equal(one, other)
    assert not work_path(tmp_path / "parts").exists()


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("method", ["matanyone", "rvm"])
@pytest.mark.parametrize("steps", [14, 27])
def test_every_method_can_be_gone_on_with(
    nine: Clip, tmp_path: Path, method: str, steps: int
) -> None:
    source = nine.folder(tmp_path / "clip")
    rounds = () if method == "rvm" else (Round(frame=4, mask=nine.mask(4, tmp_path / "m.png")),)
    run(source, tmp_path / "whole", rounds, NEVER, method=method)
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "parts", rounds, steps, method=method)
    made = run(source, tmp_path / "parts", rounds, NEVER, method=method, resume=True)
    assert made.resumed
    pairs = zip(read_pictures(tmp_path / "parts"), read_pictures(tmp_path / "whole"), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


@pytest.mark.usefixtures("small_chunks")
def test_a_state_that_is_lost_shows_in_the_result(nine: Clip, tmp_path: Path) -> None:
    source = nine.folder(tmp_path / "clip")
    run(source, tmp_path / "whole", (), NEVER, method="rvm", frame_fusion=False, smooth=False)
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "parts", (), 17, method="rvm", frame_fusion=False, smooth=False)
    path = work_path(tmp_path / "parts") / "rvm.npz"
    with np.load(path) as file:
        held = {name: np.zeros_like(array) if array.ndim else array for name, array in file.items()}
    np.savez(path, **held)
    more: dict[str, Any] = {"method": "rvm", "frame_fusion": False, "smooth": False}
    run(source, tmp_path / "parts", (), NEVER, **more, resume=True)
    equal = [
        np.array_equal(one, other)
        for one, other in zip(
            read_pictures(tmp_path / "parts"), read_pictures(tmp_path / "whole"), strict=True
        )
    ]
    assert equal[:6] == [True] * 6
    assert not all(equal[6:])


def test_ctrl_c_leaves_the_old_output_and_says_how_it_ended(
    cutter: Cutter, nine: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out.webm").write_text("old")
    monkeypatch.setattr("pocketmatte.commands.cutting.progress", stopping_after(25))
    source = nine.folder(tmp_path / "clip")
    said = cutter.said(source, tmp_path / "out.webm", "--method", "rvm")
    told = "stopped; what was finished is kept: the same command with --resume goes on"
    assert said.refusal(130) == told
    assert (tmp_path / "out.webm").read_text() == "old"
    monkeypatch.undo()
    line = cutter.said(source, tmp_path / "out.webm", "--method", "rvm").refusal(2)
    assert "add --resume, or delete the folder" in line
    other = ("--method", "rvm", "--resume", "--no-frame-fusion")
    line = cutter.said(source, tmp_path / "out.webm", *other).refusal(2)
    assert "differs in frame fusion; give what it was begun with" in line
    result = cutter.cut(source, tmp_path / "out.webm", "--method", "rvm", "--resume")
    assert result["resumed"] is True
    assert len(read_alpha_video(tmp_path / "out.webm")) == 9


def test_ctrl_c_before_anything_is_kept_promises_nothing(
    cutter: Cutter, nine: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pocketmatte.commands.cutting.progress", stopping_after(3))
    source = nine.folder(tmp_path / "clip")
    said = cutter.said(source, tmp_path / "out.webm", "--method", "rvm")
    assert said.refusal(130) == "stopped; what was finished is kept, nothing is half-written"
    assert not work_path(tmp_path / "out.webm").exists()


def test_ctrl_c_at_the_terminal_says_how_to_go_on(
    cutter: Cutter, nine: Clip, tmp_path: Path, root: Path
) -> None:
    source = nine.folder(tmp_path / "clip")
    words = ["--method", "rvm", "--tier", "t01", "--threads", "1"]
    out = tmp_path / "out"
    # a process in the background begins with SIGINT ignored
    script = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n" + STALL
    process = subprocess.Popen(
        [sys.executable, "-c", script, "cut", str(source), *words, "--out", str(out)],
        env={**os.environ, "PYTHONPATH": str(root)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while not (work_path(out) / "rvm.npz").is_file() and process.poll() is None:
            assert time.monotonic() < end, "no frame was kept"
            time.sleep(0.02)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 130, told
    (line,) = told.splitlines()
    assert line.endswith("the same command with --resume goes on")
    assert cutter.cut(source, out, "--method", "rvm", "--resume")["resumed"] is True


def test_a_video_that_is_written_twice_is_the_same_to_the_bit(nine: Clip, tmp_path: Path) -> None:
    kind = kind_of(tmp_path / "a.mp4")
    frames = [np.roll(frame, shift, axis=1) for shift in range(5) for frame in nine.frames]
    clock = Clock(rate=Fraction(25), ticks=None, start=Fraction(0))
    made = set()
    for number in range(5):
        path = tmp_path / f"{number}.mp4"
        with writing(path, kind, HW, clock, alpha=False, sound_of=None) as writer:
            for index, frame in enumerate(frames):
                writer.write(index, frame)
        made.add(path.read_bytes())
    assert len(made) == 1


def test_a_changed_mask_or_video_is_not_gone_on_with(
    cutter: Cutter, nine: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = nine.mask(0, tmp_path / "m.png")
    source = nine.folder(tmp_path / "clip")
    words = ("--mask", mask, "--alpha", "mask", "--resume")
    monkeypatch.setattr("pocketmatte.commands.cutting.progress", stopping_after(20))
    assert cutter.said(source, tmp_path / "out", *words).code == 130
    monkeypatch.undo()
    nine.mask(1, tmp_path / "m.png")
    assert "differs in rounds;" in cutter.said(source, tmp_path / "out", *words).refusal(2)
    nine.mask(0, tmp_path / "m.png")
    (source / "000.png").write_bytes((source / "001.png").read_bytes())
    assert "differs in source;" in cutter.said(source, tmp_path / "out", *words).refusal(2)


# Waits in a process that is to be killed, once some frames of a pass are kept.
STALL = """
import sys, time
import pocketmatte.cut.store
import pocketmatte.cut.footage
import pocketmatte.cut.work
pocketmatte.cut.store.CHUNK = pocketmatte.cut.footage.CHUNK = 3
keep = pocketmatte.cut.work.Work.keep
def kept(self, name, position, tensors):
    keep(self, name, position, tensors)
    if position == 6:
        time.sleep(600)
pocketmatte.cut.work.Work.keep = kept
from pocketmatte.cli import main
main()
"""


@pytest.mark.usefixtures("small_chunks")
def test_a_killed_run_is_gone_on_with_to_the_same_decoded_frames(
    cutter: Cutter, nine: Clip, tmp_path: Path, root: Path
) -> None:
    source = write_video(tmp_path / "clip.mp4", nine.frames, sound="aac")
    words = ["--method", "rvm", "--tier", "t01", "--threads", "1"]
    out = tmp_path / "parts.webm"
    process = subprocess.Popen(
        [sys.executable, "-c", STALL, "cut", str(source), *words, "--out", str(out)],
        env={**os.environ, "PYTHONPATH": str(root)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while len(list(work_path(out).glob("rvm/*.z"))) < 2 and process.poll() is None:
            assert time.monotonic() < end, "no frame was kept"
            time.sleep(0.02)
    finally:
        process.kill()
        _, told = process.communicate()
    assert process.returncode == -signal.SIGKILL, told
    assert not out.exists()
    assert cutter.cut(source, out, "--method", "rvm", "--resume")["resumed"] is True
    cutter.cut(source, tmp_path / "whole.webm", "--method", "rvm")
    pairs = zip(read_alpha_video(out), read_alpha_video(tmp_path / "whole.webm"), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)
