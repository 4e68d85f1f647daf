"""What judges weights: a target that is missed is told, and so is a row that falls behind."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.manifest import Weights
from pocketmatte.evaluate import TierResult
from pocketmatte.protocols.protocol import Result
from runtime_tests import weights_quality
from runtime_tests.weights_quality import AIMS, Aim, judged, main
from tiers.checkpoint import write_safetensors
from tiers.errors import MediaError
from tiers.ladder import tier
from tiers.weights import untrained

WEIGHTS = Weights(
    network="rvm", path="weights.safetensors", origin="a test", licence="MIT", digest="0" * 64
)
ERROR = Aim(
    folders=(), metric="mad", less_is_better=True, baseline="constant_mad", factor=0.5
)  # fmt: skip
SCORE = Aim(folders=(), metric="jf", less_is_better=False, baseline="first", margin=0.15)


def row(name: str, value: float, *, aim: Aim = ERROR, baseline: float = 100.0) -> TierResult:
    assert aim.baseline is not None
    result = Result(
        path=Path("one"), frames=1, size_hw=None, metrics={aim.metric: value},
        baselines={aim.baseline: baseline},
    )  # fmt: skip
    return TierResult(tier=name, weights=WEIGHTS, results=(result,))


def test_an_error_is_held_to_a_share_of_its_baseline() -> None:
    assert judged(ERROR, [row("t01", 50.0)]) == ["good"]
    assert judged(ERROR, [row("t01", 50.1)]) == ["misses 50"]


def test_a_score_is_held_to_a_margin_above_its_baseline() -> None:
    assert judged(SCORE, [row("t01", 0.65, aim=SCORE, baseline=0.5)]) == ["good"]
    assert judged(SCORE, [row("t01", 0.64, aim=SCORE, baseline=0.5)]) == ["misses 0.65"]


def test_a_score_without_a_baseline_is_held_to_a_bound() -> None:
    aim = dataclasses.replace(SCORE, baseline=None, margin=0.75)
    assert aim.kept({"jf": 0.75})
    assert not aim.kept({"jf": 0.74})


def test_a_row_that_is_worse_than_the_one_below_falls_behind() -> None:
    rows = [row("t01", 40.0), row("t02", 40.7), row("t03", 30.0), row("t04", 31.0)]
    assert judged(ERROR, rows) == ["good", "good", "good", "falls behind t03"]
    scores = [row(name, value, aim=SCORE, baseline=0.5) for name, value in (("a", 0.9), ("b", 0.8))]
    assert judged(SCORE, scores) == ["good", "falls behind a"]


def test_rows_may_be_compared_by_another_error_than_the_judged_one() -> None:
    aim = dataclasses.replace(ERROR, compared="unknown_mse")
    assert not aim.falls({"mad": 20.0, "unknown_mse": 5.0}, {"mad": 10.0, "unknown_mse": 6.0})
    assert aim.falls({"mad": 10.0, "unknown_mse": 6.0}, {"mad": 20.0, "unknown_mse": 5.0})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for part in ("image", "mask"):
        (tmp_path / "images" / "one" / part).mkdir(parents=True)
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[16:48, 24:72] = 255
    Image.fromarray(picture).save(tmp_path / "images" / "one" / "image" / "a.png")
    Image.fromarray(picture[..., 0]).save(tmp_path / "images" / "one" / "mask" / "a.png")
    return tmp_path


def weights_of_t01(folder: Path) -> Path:
    """Write weights of ``foreground`` that were never trained."""
    weights = untrained(tier("foreground", "t01"))
    path = folder / "nothing.safetensors"
    write_safetensors(path, weights.tensors, {**weights.metadata, "origin": "never trained"})
    return path


def test_weights_that_see_nothing_miss_their_target(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(weights_of_t01(data))
    words = ["foreground", "--data", str(data), "--weights", path, "--tier", "t01", "--json"]
    assert main(words) == 1
    (told,) = json.loads(capsys.readouterr().out)["rows"]
    assert told["verdict"].startswith("misses")
    assert told["mean"]["baselines"]["constant_mad"] > 0
    assert told["mean"]["baselines"].keys() == told["folders"][0]["baselines"].keys()


def test_the_table_of_a_card_has_a_line_a_row(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(weights_of_t01(data))
    words = ["foreground", "--data", str(data), "--weights", path, "--tier", "t01", "--markdown"]
    assert main(words) == 1
    titles, rule, only = capsys.readouterr().out.splitlines()
    assert titles.startswith("| tier | mIoU | MAD |")
    assert rule.startswith("| --- | ---: |")
    assert only.startswith("| `t01` |")
    assert "misses" in only
    assert titles.count("|") == rule.count("|") == only.count("|")


def test_rows_before_one_that_fails_are_told(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*given: object) -> TierResult:
        name = str(given[1])
        if name == "t02":
            message = "no more"
            raise MediaError(message)
        return row(name, 40.0)

    monkeypatch.setattr(weights_quality, "try_tiers", lambda *_: None)
    monkeypatch.setattr(weights_quality, "evaluate", measured)
    words = ["foreground", "--data", str(data), "--tier", "t01,t02", "--json"]
    assert main(words) == 2
    said = capsys.readouterr()
    assert "no more" in said.err
    assert [each["tier"] for each in json.loads(said.out)["rows"]] == ["t01"]


def test_rows_without_weights_are_told_before_any_is_measured(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_quality, "evaluate", lambda *_: pytest.fail("a row was measured"))
    path = str(weights_of_t01(data))
    words = ["foreground", "--data", str(data), "--weights", path, "--tier", "t01,t12"]
    assert main(words) == 2
    assert "these weights fit t01, not t12" in capsys.readouterr().err


def test_a_folder_without_the_data_is_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["foreground", "--data", str(tmp_path), "--tier", "t01"]
    assert main(words) == 2
    assert "has none of images/*" in capsys.readouterr().err


def test_every_network_has_an_aim() -> None:
    assert len(AIMS) == 8
