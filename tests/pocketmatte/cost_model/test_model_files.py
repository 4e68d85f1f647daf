"""A damaged or hostile file of the model is refused in one line, and the shipped ones are read."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pocketmatte.cost_model.rates import host_rates, parse_rates, rates_bytes
from pocketmatte.cost_model.work_table import parse_works, table_bytes
from tiers.errors import BundleError

RATES, WORKS = json.loads(rates_bytes()), json.loads(table_bytes())


def changed(whole: Any, *place: Any, to: Any) -> bytes:
    """Return a file with one value changed."""
    copy = json.loads(json.dumps(whole))
    inner = copy
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = to
    return json.dumps(copy).encode()


def refused(parse: Callable[[bytes, str], Any], data: bytes) -> str:
    with pytest.raises(BundleError) as error:
        parse(data, "the file")
    said = str(error.value)
    assert said.startswith("the file ")
    assert "\n" not in said
    assert len(said) < 400
    return said


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"null", b"[]", b"\xff\xfe", b"[" * 100_000, rates_bytes()[:500], b"\0" * 64],
    ids=range(8),
)
@pytest.mark.parametrize("parse", [parse_rates, parse_works])
def test_what_is_no_such_file_is_refused(parse: Callable[[bytes, str], Any], data: bytes) -> None:
    refused(parse, data)


def test_a_truncated_table_of_work_is_refused() -> None:
    assert "no JSON" in refused(parse_works, table_bytes()[:-4])


@pytest.mark.parametrize(
    ("place", "to", "said"),
    [
        (("schema_version",), 2, "schema_version"),
        (("gflops",), 0, "gflops"),
        (("gflops",), "fast", "not a number"),
        (("cpu",), "a\x1b[2Jb", "must match"),
        (("fits", 0, "low"), 1.5, "1 or less"),
        (("fits", 0, "high"), 0.5, "1 or more"),
        (("fits", 0, "rates", "dense", "tiled"), -1, "0 or more"),
        (("fits", 0, "rates", "dense", "tiled"), True, "not a number"),
        (("fits", 0, "rates", "warp"), {}, "no kind 'warp'"),
        (("fits", 0, "rates", "dense"), {"flops": 1}, "no field 'flops'"),
        (("fits", 1, "recipe"), "fp16", "twice"),
        (("more",), 1, "take it out"),
    ],
)  # fmt: skip
def test_rates_that_cannot_be_are_refused(place: tuple[Any, ...], to: Any, said: str) -> None:
    assert said in refused(parse_rates, changed(RATES, *place, to=to))


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_rate_that_is_no_number_is_refused(word: str) -> None:
    text = changed(RATES, "gflops", to=12345.5).replace(b"12345.5", word.encode())
    refused(parse_rates, text)


@pytest.mark.parametrize(
    ("place", "to", "said"),
    [
        (("fields",), ["nodes"], "fields"),
        (("rows", "rvm t01 matte", "dense"), [1, 2], "it holds 2 numbers, not 8"),
        (("rows", "rvm t01 matte", "dense", 0), -1, "0 or more"),
        (("rows", "rvm t01 matte", "dense", 0), 1.5, "not a whole number"),
        (("rows", "rvm t01 matte", "dense", 0), 10**400, "or less"),
        (("rows", "rvm t01 matte", "warp"), [0] * 8, "no kind 'warp'"),
    ],
)
def test_work_that_cannot_be_is_refused(place: tuple[Any, ...], to: Any, said: str) -> None:
    assert said in refused(parse_works, changed(WORKS, *place, to=to))


def test_the_shipped_rates_are_of_both_runtimes_and_every_recipe() -> None:
    known = {(fit.format, fit.recipe) for fit in host_rates().fits}
    assert known == {
        *(("onnx", recipe) for recipe in ("fp32", "fp16", "w8", "w8a8")),
        *(("executorch", recipe) for recipe in ("fp32", "fp16", "w8a8")),
    }
    for fit in host_rates().fits:
        assert fit.low <= 1 <= fit.high
        assert fit.rows >= 100
