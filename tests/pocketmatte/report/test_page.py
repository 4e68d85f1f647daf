import html.parser
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.report.gather import gathered
from pocketmatte.report.page import rendered
from tests.pocketmatte.report.made import artifact, latency, typical, verdict, written
from tiers.errors import BundleError

NASTY = "</script><script>alert(1)</script><img src=x onerror='alert(2)'>\"&{{ 7*7 }}"


class Tags(html.parser.HTMLParser):
    """Notes every tag with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def tags(text: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(text)
    return parser.seen


def page(root: Path) -> str:
    return rendered(gathered(root))


def cells(text: str) -> list[str]:
    return re.findall(r'<a class="cell ([a-z-]+)"', text)


def test_the_matrix_has_a_cell_for_every_tier_format_and_recipe(tmp_path: Path) -> None:
    text = page(typical(tmp_path))
    assert cells(text) == ["proven", "mixed", "not-built", "not-run", "failed", "evaluated"]
    for word in ("proven", "mixed", "not built", "not run", "failed", "eval."):
        assert f"</span> {word}</span>" in text  # told by words, not by colour alone


def test_a_cell_says_its_figures_and_reasons_where_one_rests_on_it(tmp_path: Path) -> None:
    titles = [
        a["title"] or ""
        for tag, a in tags(page(typical(tmp_path)))
        if "cell" in (a.get("class") or "")
    ]
    told = [" ".join(title.split()) for title in titles]
    assert told[0] == "rvm t01 ONNX fp32: proven, 90.0 dB, 1.00 MB, latency 10.0 ms"
    assert "mixed (proven), 38.5 dB" in told[1]
    assert "1 layer kept in floating point" in told[1]
    assert told[2] == "rvm t01 Core ML fp32: not built"
    assert told[4].endswith("latency not measured. matte: PSNR of alpha is 29.0 dB")
    assert "evaluated, equal to PyTorch" in told[5]


def test_the_headline_counts_files(tmp_path: Path) -> None:
    text = " ".join(re.sub(r"<[^>]+>", "", page(typical(tmp_path))).split())
    assert "3 of 5 files hold, 1 failed." in text
    assert "1 not verified as they are now" in text


def test_a_bundle_without_results_says_so(tmp_path: Path) -> None:
    text = page(written(tmp_path, [artifact()]))
    assert "1 file, not verified yet." in text
    assert "Run <code>pocketmatte verify</code>" in text
    assert "run <code>pocketmatte bench</code>" in text
    assert cells(text) == ["not-run"]


def test_a_verdict_of_an_older_file_is_not_taken_for_the_present(tmp_path: Path) -> None:
    entry = artifact()
    older = verdict(entry) | {"sha256": "b" * 64}
    text = page(written(tmp_path, [entry], [older]))
    assert cells(text) == ["not-run"]
    assert "changed since it was verified" in text


def test_figures_of_several_programs_are_added_and_their_worst_verdict_counts(
    tmp_path: Path,
) -> None:
    names = ("encode_key", "encode_value", "read")
    key, value, read = (artifact("propagation", program=name) for name in names)
    report = gathered(
        written(
            tmp_path,
            [key, value, read],
            [verdict(key, judged=None), verdict(value, "evaluated", judged=None), verdict(read)],
            [latency(key, 1.0), latency(value, 2.0), latency(read, 4.0)],
        )
    )
    cell = report.rows[0].cells["onnx", "fp32"]
    assert (cell.state.name, cell.size_bytes, cell.p50_ms) == ("evaluated", 3_000_000, 7.0)
    assert (cell.psnr_db, cell.missing) == (90.0, ())


def test_a_program_without_a_latency_leaves_the_cell_without_one(tmp_path: Path) -> None:
    key, read = (artifact("propagation", program=name) for name in ("encode_key", "read"))
    root = written(tmp_path, [key, read], None, [latency(key)])
    cell = gathered(root).rows[0].cells["onnx", "fp32"]
    assert (cell.p50_ms, cell.missing) == (None, ("encode_value",))


def test_what_comes_out_of_files_is_escaped(tmp_path: Path) -> None:
    entry = artifact(NASTY, NASTY, NASTY, NASTY, NASTY, path="a/b", notes={"kept": [NASTY]})
    judged = verdict(
        entry, "failed", reasons=[NASTY], notes=[NASTY], judged=NASTY, psnr_db={NASTY: 3.0}
    )
    host = {"cpu": NASTY, "os": NASTY}
    root = written(tmp_path / "x", [entry], [judged], [latency(entry, host=host)], origin=NASTY)
    (root / "results" / "parity-x.json").write_text(
        json.dumps({"runtime": NASTY, "frames": 1, "artifacts": [judged]})
    )
    text = page(root)
    found = tags(text)
    assert [tag for tag, _ in found].count("script") == 1
    assert not [a for _, a in found if any(name.startswith("on") for name in a)]
    assert not [a for tag, a in found if tag == "img"]
    assert "alert(1)" in text  # it is told, as text
    assert "{{ 7*7 }}" in text  # and is no template of ours


def test_text_that_would_be_invisible_or_turned_round_is_shown_as_such(tmp_path: Path) -> None:
    entry = artifact()
    bad = verdict(entry, "failed", reasons=["a\u202eb\u0000c\u200bd"])
    assert "a\ufffdb\ufffdc\ufffdd" in page(written(tmp_path, [entry], [bad]))


def test_the_page_asks_for_nothing_and_allows_its_own_script_alone(tmp_path: Path) -> None:
    found = tags(page(typical(tmp_path)))
    for tag, attributes in found:
        for name in ("src", "href", "action", "data", "poster"):
            address = attributes.get(name) or "#"
            assert address.startswith(("#", "data:")), (tag, address)
        assert "style" not in attributes, tag  # which the policy would refuse
    policy = next(a["content"] for _, a in found if a.get("http-equiv")) or ""
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy


def test_the_same_bundle_gives_the_same_page(tmp_path: Path) -> None:
    root = typical(tmp_path)
    assert page(root) == page(root)


def test_errors_of_every_frame_are_drawn_where_they_were_kept(tmp_path: Path) -> None:
    entry = artifact()
    without = page(written(tmp_path, [entry], [verdict(entry)]))
    assert "Verify kept no errors of single frames" in without
    kept = verdict(entry, frame_rms=[1e-5, 2e-5, 0.0])
    drawn = page(written(tmp_path, [entry], [kept]))
    assert "RMS error of what people see, frame by frame" in drawn
    assert "1.0e-05 first, 0.0e+00 last" in drawn
    assert "kept no errors" not in drawn


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("parity", "{", "is no result of verify: the whole file: Invalid JSON"),
        ("parity", "[" * 100_000, "is no result of verify"),
        ("parity", '{"frames": 1}', "is no result of verify: artifacts: Field required"),
        ("parity", '{"frames": NaN, "artifacts": []}', "is no result of verify: frames"),
        ("parity", b"\xff\xfe", "cannot be read"),
        ("parity-arm64", "[]", "is no result of verify"),
        ("latency", '{"latencies": [{}]}', "is no result of bench: latencies.0"),
        ("latency", "", "is no result of bench"),
    ],
)
def test_a_corrupt_result_is_refused_in_one_line_and_no_page_is_written(
    cli: Callable[..., Any], tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    root = typical(tmp_path / "x")
    path = root / "results" / f"{name}.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    out = tmp_path / "out.html"
    refusal = cli("report", root, "--html", out, "--no-thumbnails").refusal(1)
    assert refusal.startswith(str(path))
    assert message in refusal
    assert "delete it and run pocketmatte" in refusal
    assert not out.exists()


@pytest.mark.parametrize("figure", [1e308, -1.0])
def test_a_figure_that_is_no_measurement_is_refused(tmp_path: Path, figure: float) -> None:
    entry = artifact()
    root = written(tmp_path, [entry], [verdict(entry)], [latency(entry, figure)])
    with pytest.raises(BundleError, match=r"is no result of bench: latencies\.0\.p50_ms"):
        gathered(root)


@pytest.mark.parametrize("size_bytes", [-1, 10**400])
def test_a_size_that_is_none_is_refused(tmp_path: Path, size_bytes: int) -> None:
    root = written(tmp_path, [artifact(size_bytes=size_bytes)])
    with pytest.raises(BundleError, match=r"gives rvm/t01/matte-fp32\.onnx|is no manifest"):
        gathered(root)


def test_a_latency_of_nothing_is_no_point_of_a_picture(tmp_path: Path) -> None:
    entry = artifact()
    root = written(tmp_path, [entry], [verdict(entry)], [latency(entry, 5e-324)])
    assert "0.00 / 0.00 ms" in page(root)
