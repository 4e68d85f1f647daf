import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.report.gather import gathered
from pocketmatte.report.page import rendered, write_page
from pocketmatte.report.thumbnails import thumbnails
from tests.pocketmatte.report.made import DIGEST, artifact, latency, typical, verdict, written


def test_the_command_writes_a_page_with_pictures_of_the_files_that_ship(
    cli: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "report.html"
    said = cli("report", bundle, "--html", out, "--json")
    assert said.code == 0, said.err
    assert said.json()["pictures"] == 1
    text = out.read_text()
    assert text.count('src="data:image/webp;base64,') == 4  # frame, outline, alpha, composite
    assert "ONNX fp32," in text
    assert said.json()["size_bytes"] == len(text.encode())
    assert "not measured: run pocketmatte verify" in said.err


def test_a_page_without_pictures_runs_no_file(cli: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    said = cli("report", typical(tmp_path / "x"), "--html", out, "--no-thumbnails")
    assert said.code == 0, said.err
    assert "data:image/" not in out.read_text()
    assert "failed" in said.out


def test_a_tier_that_cannot_be_pictured_says_why_and_names_no_folder(
    bundle: Path, tmp_path: Path
) -> None:
    (bundle / "rvm" / "t01" / "matte-fp32.onnx").unlink()
    report = gathered(bundle)
    (picture,) = thumbnails(bundle, report.manifest, report.rows).values()
    assert picture.fault.startswith("rvm/t01/matte-fp32.onnx: missing from bundle")
    assert str(tmp_path) not in picture.fault


def test_pictures_that_would_make_the_page_too_large_are_left_out_and_counted(
    bundle: Path, tmp_path: Path
) -> None:
    report = gathered(bundle)
    pictured = dataclasses.replace(
        report, thumbnails=thumbnails(bundle, report.manifest, report.rows)
    )
    least = len(rendered(report).encode())
    small = write_page(tmp_path / "small.html", pictured, least + 1000)
    assert (small.pictures, small.left_out) == (0, 1)
    assert "Pictures of 1 tier were left out" in (tmp_path / "small.html").read_text()
    large = write_page(tmp_path / "large.html", pictured)
    assert (large.pictures, large.left_out) == (1, 0)


def test_untrained_weights_are_not_pictured(tmp_path: Path) -> None:
    root = written(tmp_path, [artifact(form="coreml")])
    report = gathered(root)
    (picture,) = thumbnails(root, report.manifest, report.rows).values()
    assert picture.fault == "of untrained weights, whose pictures say nothing"


def evaluation(**changed: Any) -> dict[str, Any]:
    return {
        "network": "rvm", "tier": "t01", "runtime": "onnxruntime", "bundle": "x", "recipe": "fp32",
        "frames_limit": None, "weights": {"origin": "x", "digest": DIGEST},
        "clips": [{"clip": "dancer"}],
        "mean": {"metrics": {"mad": 12.25, "dtssd": 3.5}, "baselines": {}}, **changed,
    }  # fmt: skip


def shown(tmp_path: Path, *evaluations: dict[str, Any]) -> str:
    entry = artifact()
    torch = latency(entry, 20.0, path=None, sha256=None)
    root = written(tmp_path, [entry], [verdict(entry)], [latency(entry), torch])
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(list(evaluations)))
    return rendered(gathered(root, evaluations=[path]))


def test_accuracy_against_the_truth_is_drawn_from_what_evaluate_printed(tmp_path: Path) -> None:
    text = shown(tmp_path, evaluation(), evaluation(runtime="torch", recipe=None))
    assert "MAD on clips (less is better) against size, MB" in text
    assert "Evaluated on dancer" in text
    assert 'data-value="12.25"' in text
    assert "t01 PyTorch: 12.25, 20.0 ms" in text


@pytest.mark.parametrize(
    "changed",
    [{"weights": {"digest": "b" * 64}}, {"tier": "t02"}, {"mean": None}, {"network": "stfam"}],
)
def test_an_evaluation_of_something_else_is_not_taken_for_this_bundle(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    text = shown(tmp_path, evaluation(**changed))
    assert "12.25" not in text
    assert "on clips" not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--html", "out.txt"), "--html is out.txt; the page is HTML: give a name ending in .html"),
        (
            ("--html", "out.html", "--fail-on-regression"),
            "--fail-on-regression compares two builds; add --against EARLIER_BUILD",
        ),
    ],
)
def test_wrong_use_is_refused(
    cli: Callable[..., Any], tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    assert cli("report", tmp_path, *words).refusal(2) == message


@pytest.mark.parametrize("option", ["--against", "--evaluation"])
def test_what_is_not_there_is_refused_and_no_page_is_written(
    cli: Callable[..., Any], tmp_path: Path, option: str
) -> None:
    out = tmp_path / "out.html"
    root = typical(tmp_path / "x")
    gone = tmp_path / "gone"
    refusal = cli("report", root, "--html", out, "--no-thumbnails", option, gone).refusal(2)
    assert refusal.startswith(str(gone))
    assert not out.exists()
