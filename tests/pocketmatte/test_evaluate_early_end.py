"""``pocketmatte evaluate`` that ends early: nothing is begun in vain, what was measured is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pocketmatte import evaluate
from pocketmatte.protocols import rvm
from pocketmatte.protocols.alpha import score_alpha
from pocketmatte.protocols.opening import torch_tier
from pocketmatte.protocols.protocol import Measure, Opener, Result
from tests.pocketmatte.test_evaluate import make_clip, quarter
from tests.pocketmatte.test_evaluate_networks import make_data, weights_of
from tiers.errors import UsageError


def spoil(clip: Path) -> Path:
    """Make the last frame half a JPEG file, whose header still tells its size."""
    last = max((clip / "frames").iterdir())
    half = last.with_suffix(".jpg")
    Image.open(last).save(half)
    last.unlink()
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    return clip


def test_a_tier_that_will_not_do_is_told_before_any_is_measured(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "clip", [quarter()])
    monkeypatch.setattr(rvm, "score_alpha", lambda _: pytest.fail("a tier was measured"))
    said = cli("evaluate", "rvm", "--tier", "t01,t12", "--clips", clip)
    assert said.refusal(1).startswith("no trained weights of t12 are shipped; give --weights FILE")


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    """Return a clip that is whole and one whose last frame is damaged."""
    return [
        make_clip(tmp_path / "whole", [quarter()] * 2),
        spoil(make_clip(tmp_path / "damaged", [quarter()] * 2)),
    ]


def test_what_was_measured_before_a_damaged_frame_is_told(
    cli: Callable[..., Any], zero_weights: Path, clips: list[Path]
) -> None:
    words = ("evaluate", "rvm", "--tier", "t01", "--clips", *clips, "--weights", zero_weights)
    said = cli(*words, "--json")
    assert said.code == 1
    assert "damaged/frames/001.jpg: is no readable picture" in said.err
    (entry,) = said.json()
    assert [clip["clip"] for clip in entry["clips"]] == ["whole"]
    assert entry["clips"][0]["metrics"]["mad"] == pytest.approx(250)
    assert entry["mean"] is None
    said = cli(*words)
    assert said.code == 1
    rows = [line.split()[:4] for line in said.out.splitlines() if line.startswith("t01")]
    assert rows == [["t01", "whole", "2", "250.00"]]


def test_nothing_is_told_where_nothing_was_measured(
    cli: Callable[..., Any], zero_weights: Path, clips: list[Path]
) -> None:
    words = ("--tier", "t01", "--clips", clips[1], "--weights", zero_weights, "--json")
    assert "is no readable picture" in cli("evaluate", "rvm", *words).refusal(1)


def test_what_was_measured_before_ctrl_c_is_told(
    cli: Callable[..., Any], zero_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [make_clip(tmp_path / name, [quarter()]) for name in ("one", "two")]
    scored: list[int] = []

    def score(pairs: Any) -> Any:
        if scored:
            raise KeyboardInterrupt
        scored.append(1)
        return score_alpha(pairs)

    monkeypatch.setattr(rvm, "score_alpha", score)
    words = ("--tier", "t01", "--clips", *clips, "--weights", zero_weights, "--json")
    said = cli("evaluate", "rvm", *words)
    assert said.code == 130
    assert "what was finished is kept" in said.err
    assert [clip["clip"] for clip in said.json()[0]["clips"]] == ["one"]


def test_a_damaged_mask_of_a_picture_is_told_before_any_is_measured(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    data = make_data(tmp_path / "data", "foreground", count=2)
    mask = data / "mask" / "001.png"
    mask.write_bytes(mask.read_bytes()[:60])
    words = ("--tier", "t01", "--clips", data, "--weights", weights_of("foreground", tmp_path))
    message = f"{mask}: is no readable picture"
    assert cli("evaluate", "foreground", *words).refusal(1).startswith(message)


def measure(*sizes_hw: tuple[int, int]) -> Measure:
    """Return what opens a tier for frames of some sizes."""

    def measured(opener: Opener) -> Result:
        for size_hw in sizes_hw:
            opener(size_hw)
        return Result(path=Path("clip"), frames=1, size_hw=None, metrics={}, baselines={})

    return Measure(sizes_hw=frozenset(sizes_hw), measured=measured)


def test_every_orientation_that_is_needed_is_tried_once() -> None:
    opened: list[tuple[str, str]] = []

    def opening(spec: Any) -> Any:
        opened.append((spec.name, spec.orientation))
        return torch_tier(spec, weights=None, threads=1)

    folders = [measure((40, 60)), measure((20, 90), (90, 20))]
    evaluate.try_tiers("rvm", ["t01", "t02"], folders, opening)
    wanted = [(name, held) for name in ("t01", "t02") for held in ("landscape", "portrait")]
    assert opened == wanted


def test_files_of_different_weights_are_refused_when_the_second_is_opened(
    zero_weights: Path, t01_weights: Path
) -> None:
    def opening(spec: Any) -> Any:
        path = zero_weights if spec.orientation == "landscape" else t01_weights
        return torch_tier(spec, weights=path, threads=1)

    done: list[int] = []
    folders = [measure((40, 60)), measure((90, 20)), measure((40, 60))]
    with pytest.raises(UsageError, match="files of t01 hold different weights; measure folders"):
        evaluate.evaluate(
            "rvm", "t01", folders, opening, on_folder=lambda each: done.append(len(each.results))
        )
    assert done == [1]
