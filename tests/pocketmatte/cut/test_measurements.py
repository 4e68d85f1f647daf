"""The commands that measure ``cut`` see what they are to see."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import cut_memory, cut_quality
from benchmarks.cut_long import compare, equal, report
from benchmarks.cut_speed import timed
from benchmarks.made_video import made_frames, numbered, write_first_mask, write_made_video
from benchmarks.memory_read import BEST, all_or_best
from benchmarks.watched_process import Watched, watched
from pocketmatte.cut.networks import Chosen
from pocketmatte.cut.request import Cut
from pocketmatte.media import open_frames
from pocketmatte.media_write import VideoWriter
from pocketmatte.pictures import read_matte
from pocketmatte.protocols.opening import torch_tier
from tiers.errors import WorkerError
from tiers.ladder import tier
from tiers.rows.propagation import PropagationShape

SIZE_HW = (72, 128)


def video(path: Path, frames: list[Any]) -> Path:
    with VideoWriter(path, SIZE_HW, Fraction(10)) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def test_no_two_frames_of_a_made_video_are_alike(tmp_path: Path) -> None:
    path = write_made_video(tmp_path / "made.mp4", SIZE_HW, 40, 10)
    shown = [frame.tobytes() for frame in open_frames(path)]
    assert len(set(shown)) == 40
    still = np.zeros((*SIZE_HW, 3), np.uint8)
    assert not np.array_equal(numbered(still, 7), numbered(still, 8))


def test_the_mask_of_a_made_video_marks_the_person_at_any_size(tmp_path: Path) -> None:
    mask = read_matte(write_first_mask(tmp_path / "mask.png", SIZE_HW))
    assert mask.shape == SIZE_HW
    assert set(np.unique(mask)) == {0, 255}
    assert 0.1 < (mask > 0).mean() < 0.7


def test_one_frame_that_differs_is_found_and_a_frame_that_is_missing(tmp_path: Path) -> None:
    frames = list(made_frames(SIZE_HW, 6))
    whole = video(tmp_path / "whole.mp4", frames)
    assert compare(whole, whole) == (6, [])
    short = video(tmp_path / "short.mp4", frames[:5])
    compared, differing = compare(whole, short)
    assert compared == 6
    assert 5 in differing
    changed = [*frames[:5], 255 - frames[5]]
    assert 5 in compare(whole, video(tmp_path / "changed.mp4", changed))[1]


def run(seconds: float, *, killed: bool = False) -> Watched:
    memory = tuple((float(second), 100.0 + second) for second in range(20))
    return Watched(seconds=seconds, killed=killed, peak_mib=130.0, memory=memory)


@pytest.mark.parametrize(
    ("kills", "compared", "differing", "passed"),
    [(2, 100, [], True), (2, 100, [7], False), (2, 99, [], False), (3, 100, [], False)],
)
def test_runs_are_equal_only_if_every_frame_is_and_all_kills_struck(
    kills: int, compared: int, differing: list[int], passed: bool
) -> None:
    parts = [run(3, killed=True), run(3, killed=True), run(9)]
    told = report(run(10), parts, 100, compared, differing)
    assert equal(told, kills) is passed
    assert told["kills"] == 2
    assert told["peak_mib_by_tenth"] == [101, 103, 105, 107, 109, 111, 113, 115, 117, 119]


def test_a_process_is_watched_and_can_be_killed() -> None:
    whole = watched(["tiers"], threads=1)
    assert not whole.killed
    assert 20 < whole.peak_mib < 20_000
    assert whole.memory
    assert watched(["tiers"], threads=1, kill_after=0.0).killed
    with pytest.raises(WorkerError, match="pocketmatte cut ended with 2"):
        watched(["cut", "none.mp4"], threads=1)


def test_a_long_video_that_takes_more_memory_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    peaks = iter([100.0, 112.0, 100.0, 109.0])

    def peak(*_: Any, **__: Any) -> Watched:
        return Watched(seconds=1.0, killed=False, peak_mib=next(peaks), memory=())

    monkeypatch.setattr(cut_memory, "watched", peak)
    words = ["--frames", "2,4", "--method", "rvm", "--work", str(tmp_path), "--json"]
    assert cut_memory.main(words) == 1
    assert json.loads(capsys.readouterr().out)[0]["longest, % more"] == 12.0
    assert cut_memory.main(words) == 0


def test_every_stage_of_a_cut_is_timed(tmp_path: Path) -> None:
    source = write_made_video(tmp_path / "made.mp4", SIZE_HW, 3, 10)
    chosen = Chosen(
        tiers={}, tier="t01", weights={}, bundle=None, form="onnx", recipe="fp32", threads=1
    )
    cut = Cut(source=source, out=tmp_path / "o.mp4", method="rvm", rounds=(), chosen=chosen)
    ticks = iter(range(100))
    seconds = timed(cut, lambda: float(next(ticks)))
    assert seconds == {"reading": 1.0, "matting": 1.0, "steadying": 1.0, "writing": 1.0}


def test_the_memory_is_read_with_a_bound_or_without() -> None:
    with torch_tier(tier("propagation", "t01"), weights=None, threads=1) as opened:
        other = all_or_best(opened)
        assert opened.spec.shaped(PropagationShape).top_k == 0
        assert other.spec.shaped(PropagationShape).top_k == BEST
        assert other.weights == opened.weights
        assert opened.network is not None
        assert other.network is not None
        for one, same in zip(opened.network.parameters(), other.network.parameters(), strict=True):
            assert torch.equal(one, same)
        assert all_or_best(other).spec == opened.spec
    with torch_tier(tier("fusion", "t01"), weights=None, threads=1) as opened:
        assert all_or_best(opened) is opened


def test_figures_are_means_over_the_clips_and_kept_apart_by_kind() -> None:
    names = ("jf_1", "jf_3", "jf_8", "mean_over_rounds", "auc", "jf_at_60", "measured_auc")
    results: dict[str, Any] = {
        f"rounds/t04/as it is/{clip}": {"metrics": dict.fromkeys(names, value)}
        for clip, value in (("a", 0.2), ("b", 0.4))
    }
    results["flicker/t04/a"] = {
        "of": "mask",
        **{
            f"{fused}/{smooth}": {"dtssd": 1.0 + fused, "mad": 2.0 + smooth}
            for fused in (False, True)
            for smooth in (False, True)
        },
    }
    rounds, masks, alphas = cut_quality.tables(results, ["t04"], list(cut_quality.VARIANTS))
    assert rounds[2] == [("t04", "as it is", 2, *["0.300"] * 7)]
    assert masks[2][3] == ("t04", "yes", "yes", 1, "2.00", "3.00")
    assert masks[2][0] == ("t04", "no", "no", 1, "1.00", "2.00")
    assert alphas[2] == []
