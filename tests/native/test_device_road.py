"""The road to a device fails where Arm processors do not agree on the bits of integers."""

import dataclasses
from pathlib import Path

import pytest

from pocketmatte.harness.result import Result
from pocketmatte.native.emulation import CPUS
from pocketmatte.native.runs import Subject
from runtime_tests.device_road import WAYS, apart, main, row, worst
from tests.pocketmatte.harness.results import good_result

SUBJECT = Subject(
    bundle=Path("b"), network="rvm", tier="t01", orientation="landscape", recipe="w8a8",
    trace=Path("t"),
)  # fmt: skip


def result(digest: str = "0" * 64, psnr_db: float = 99.0) -> Result:
    content = good_result()
    content["parity"]["sha256"] = digest
    content["parity"]["outputs"][0]["psnr_db"] = psnr_db
    return Result.model_validate(content)


def test_the_same_bits_on_all_emulated_processors_pass_whatever_the_host_gives() -> None:
    results = {name: result() for name in CPUS}
    assert apart(SUBJECT, results | {"host": result("1" * 64)}) is None


@pytest.mark.parametrize("name", CPUS)
def test_other_bits_on_one_emulated_processor_fail(name: str) -> None:
    results = {each: result() for each in CPUS} | {name: result("1" * 64)}
    assert apart(SUBJECT, results) == f"rvm t01: the bits differ between {', '.join(results)}"


def test_bits_of_single_precision_may_differ() -> None:
    results = {name: result(f"{number}" * 64) for number, name in enumerate(CPUS)}
    assert apart(dataclasses.replace(SUBJECT, recipe="fp32"), results) is None


def test_a_line_of_the_table_tells_a_way_without_a_result() -> None:
    results = {way: result(psnr_db=50.0 + number) for number, way in enumerate(WAYS[1:])}
    assert worst(results) == 50.0
    assert row("rvm", results)[:3] == ("rvm", "no result", "ok")


@pytest.mark.parametrize("words", [[], ["one", "two"]])
def test_wrong_use_exits_with_2(words: list[str]) -> None:
    assert main(words) == 2


def test_a_folder_that_is_no_bundle_exits_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 2
    assert "holds no manifest.json" in capsys.readouterr().err
