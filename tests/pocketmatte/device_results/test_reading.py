"""What comes from outside is held to a size, to numbers, to the protocol; one way to write it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.device_results import reading
from pocketmatte.device_results.reading import parsed, read_kept
from pocketmatte.device_results.words import shown
from tests.pocketmatte.device_results.made import Change, emulated, kept, made, written
from tests.pocketmatte.harness.results import statistics
from tiers.errors import BundleError


def refusal(result: object) -> str:
    with pytest.raises(BundleError) as found:
        parsed(json.dumps(result).encode())
    return str(found.value)


def test_what_a_phone_wrote_and_what_an_emulated_processor_gave_is_read() -> None:
    assert kept(made()).result.status == "ok"
    assert kept(emulated()).result.instructions_per_frame == 1_000_000


def test_however_it_is_written_it_is_kept_in_one_way() -> None:
    result = made()
    loose = json.dumps(dict(reversed(result.items())), indent=4).encode()
    assert parsed(loose).text == kept(result).text
    assert parsed(kept(result).text.encode()) == kept(result)


def test_every_digit_is_kept() -> None:
    result = made("one", [1_234_567, 7_654_321])
    assert json.loads(kept(result).text) == result


def output(**figures: object) -> Change:
    return lambda r: r["parity"]["outputs"][0].update(figures)


def flags(**given: object) -> Change:
    return lambda r: r["validity"].update(given)


def sustained(**given: object) -> Change:
    ms = {**statistics(9), "max": 6.0}
    run = {"frames_per_second": 30.0, "seconds": 1.0, "frames": 9, "late": 0, "ms": ms,
           "last_quarter_p95_ms": 5.5}  # fmt: skip

    def change(result: dict[str, Any]) -> None:
        result["plan"]["frames_per_second"] = 30.0
        result["sustained"] = {**run, **given}

    return change


def test_a_sustained_run_is_read() -> None:
    assert kept(made("one", None, sustained())).result.sustained is not None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r["subject"].update(network="../rvm"), "names no network, tier, format"),
        (lambda r: r["subject"].update(tier="T 1"), "names no network, tier, format"),
        (lambda r: r["subject"].update(recipe="x" * 41), "names no network, tier, format"),
        (lambda r: r.update(started_at="2026-13-01T00:00:00Z"), "which no calendar has"),
        (lambda r: r["subject"]["files"].append(dict(r["subject"]["files"][0])), "of one path"),
        (
            lambda r: r["subject"]["files"].append({**r["subject"]["files"][0], "path": "b"}),
            "two files of one program",
        ),
        (lambda r: r["subject"].update(files=[]), "it ran without a file"),
        (lambda r: r["latency"].append(r["latency"][0]), "told twice"),
        (lambda r: r["latency"][0].update(what="program:matte"), "but none of frames"),
        (
            lambda r: r["latency"].append({**r["latency"][0], "what": "program:other"}),
            "none of its files",
        ),
        (lambda r: r["parity"].update(outputs=[]), "a parity of no output"),
        (lambda r: r["parity"]["outputs"].append(r["parity"]["outputs"][0]), "told twice"),
        (output(finite=False), "but its parity passed|has figures or another fault"),
        (output(mad=-1e-9), "is below 0"),
        (output(flipped=1.5), "1 is all of it"),
        (output(mad=1e-3), "mean difference of matte alpha is 0.001, its largest 1e-06"),
        (lambda r: r.update(thermal=[]), "thermal_ok is True, of its readings None"),
        (lambda r: r["thermal"][0].update(status=2), "thermal_ok is True, of its readings False"),
        (flags(thermal_ok=None), "thermal_ok is None, of its readings True"),
        (lambda r: r["device"].update(platform="linux"), "its platform is linux"),
        (flags(latency_valid=False), "latency_valid is False, which its flags deny"),
        (lambda r: r["plan"].update(runs=61), "min_runs_met is True, with 60 samples of 61"),
        (lambda r: r.update(status="invalid"), "status is invalid, it follows ok"),
        (lambda r: r.update(status="fallback"), "status is fallback, it follows ok"),
        (lambda r: r.update(status="invalid", parity=None), "but nothing was compared"),
        (sustained(frames_per_second=60.0), "its plan knows nothing"),
        (sustained(late=10), "10 late of 9 frames"),
        (sustained(last_quarter_p95_ms=7.0), "out of what it took"),
        (sustained(ms={**statistics(9), "max": 6.0, "p90": 4.0}), "out of order"),
        (lambda r: r.update(instructions_per_frame=5), "emulated processor alone"),
        (lambda r: r["memory"].update(peak_bytes=2**53 + 1), "a number beyond"),
        (lambda r: r["latency"][0].update(first_ms=1e300), "a number beyond"),
        (lambda r: r["latency"][0].update(samples_ns=[2**60] * 60), "a number beyond"),
        (lambda r: r.update(errors=["x" * 65_537]), "a text of 65537 characters"),
    ],
)
def test_a_result_that_breaks_a_rule_of_the_protocol_is_refused(
    change: Change, reason: str
) -> None:
    with pytest.raises(BundleError, match=f"contradicts itself.*({reason}).*; run it again"):
        kept(made("one", None, change))


def test_counted_instructions_are_of_one_thread() -> None:
    assert "with one thread" in refusal(
        emulated("one", 5, lambda r: r["execution"].update(threads=2))
    )


def test_figures_of_what_is_not_finite_are_refused_even_where_it_failed() -> None:
    def failed(result: dict[str, Any]) -> None:
        result["parity"]["outputs"][0].update(finite=False, faults=["not_finite"])
        result["parity"].update(passed=False)
        result.update(status="parity_failed")

    assert "is not finite, yet it has figures" in refusal(made("one", None, failed))


def test_a_run_that_ended_early_is_kept() -> None:
    def ended(result: dict[str, Any]) -> None:
        result.update(status="load_failed", latency=[], parity=None, thermal=[], memory=None)
        result["subject"].update(files=[])
        result["validity"].update(latency_valid=False, min_runs_met=False, thermal_ok=None)

    assert kept(made("one", None, ended)).result.status == "load_failed"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"passed": true', '"passed": false, "passed": true'),
        ('"status": "ok"', '"status": "run_failed", "status": "ok"'),
        ('"p50"', '"p95": 1.0, "p50"'),
    ],
)
def test_a_name_that_is_said_twice_is_refused(before: str, after: str) -> None:
    text = json.dumps(made())
    assert before in text
    with pytest.raises(BundleError, match=r"is said twice in one place; run it again"):
        parsed(text.replace(before, after, 1).encode())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the whole file"),
        (b"{}", "Field required"),
        (b"\xff\xfe", "no UTF-8 at byte 0"),
        (b"[" * 1_000_000, "recursion limit"),
        (b'{"a":' * 1_000_000, "recursion limit"),
        (b"9" * 100_000, "the whole file"),
        (b"NaN", "the whole file"),
        (json.dumps(made()).encode()[:-1], "Invalid JSON"),
        (json.dumps(made()).encode() + b"{}", "Invalid JSON"),
        (json.dumps(made()).replace("1e-07", "NaN").encode(), "finite"),
        (json.dumps(made()).replace("1e-07", "1e999").encode(), "finite"),
    ],
)
def test_bytes_that_are_no_result_are_refused_in_one_line(data: bytes, reason: str) -> None:
    with pytest.raises(BundleError, match=reason) as found:
        parsed(data)
    assert len(str(found.value).splitlines()) == 1
    assert len(str(found.value)) < 400


def test_a_file_of_too_many_bytes_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.json", made())
    assert read_kept(path).result.run_id == "one"
    monkeypatch.setattr(reading, "MOST_BYTES", path.stat().st_size - 1)
    with pytest.raises(BundleError, match=r"a\.json: more than \d+ bytes; no result is so large"):
        read_kept(path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(BundleError, match="no file; give results or folders of them"):
        read_kept(tmp_path / "a.json")


def test_an_unknown_name_in_a_file_cannot_steer_a_terminal() -> None:
    said = refusal({**made(), "\x1b[2J\u202eevil\n": 1})
    assert "?[2J?evil" in said
    assert said.isprintable()


@pytest.mark.parametrize(
    ("text", "is_shown"),
    [("Pixel 8", "Pixel 8"), ("a\x1b]0;b\x07", "a?]0;b?"), ("a\n b", "a b"), ("\u202ex", "?x")],
)
def test_text_is_shown_in_one_harmless_line(text: str, is_shown: str) -> None:
    assert shown(text) == is_shown


def test_long_text_is_cut() -> None:
    assert shown("x" * 100, 10) == "xxxxxxx..."
