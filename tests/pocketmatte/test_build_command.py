"""What ``build`` and ``export`` are asked for, and what they say of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.build import Means
from pocketmatte.commands import building
from pocketmatte.console import Done
from pocketmatte.farm.jobs import Event
from pocketmatte.results import write_results


@pytest.mark.parametrize(
    ("words", "limited"),
    [
        ([], True),
        (["--memory-gib", "2"], True),
        (["--scheduler", "tcp://127.0.0.1:1"], False),
        (["--scheduler", "tcp://127.0.0.1:1", "--memory-gib", "2"], True),
    ],
)
def test_the_memory_of_this_machine_limits_no_cluster(
    cli: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    limited: bool,
) -> None:
    given: list[Means] = []

    def built(out: Path, requests: object, means: Means) -> Done:
        given.append(means)
        return Done(result={"out": out, "requests": requests})

    monkeypatch.setattr(building, "built", built)
    cli("build", *words, "--out", tmp_path / "bundle")
    (means,) = given
    assert (means.memory_bytes is not None) == limited
    assert "--memory-gib" not in words or means.memory_bytes == 2 << 30


def test_what_is_dropped_is_not_counted_as_tried(
    cli: Callable[..., Any], bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(*_: object) -> Iterator[Event]:
        yield Event(path="rvm/t01/rvm-t01-fp32.mlpackage", outcome="dropped", reason="old")
        yield Event(path="rvm/t01/matte-fp32.onnx", outcome="failed", reason="it does not go")

    monkeypatch.setattr("pocketmatte.build.build", build)
    part = ("--network", "rvm", "--tier", "t01", "--format", "onnx")
    said = cli("build", *part, "--fail-fast", "--out", bundle)
    assert said.code == 1
    assert "stopped at the first failure: 1 files were not tried" in said.err


def test_the_most_memory_is_that_of_the_hungriest_job(
    cli: Callable[..., Any], bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes begin to count anew with every job, so that none of them knows it at its end."""

    def build(*_: object) -> Iterator[Event]:
        jobs = [{"stages": {"onnx": 1.0}, "peak_bytes": gib << 30} for gib in (3, 900, 2)]
        write_results(bundle, "build", {"jobs": jobs})
        yield Event(path="rvm/t01/matte-fp32.onnx", outcome="built")

    monkeypatch.setattr("pocketmatte.build.build", build)
    part = ("--network", "rvm", "--tier", "t01", "--format", "onnx", "--recipe", "fp32")
    said = cli("build", *part, "--json", "--out", bundle)
    assert said.json()["peak_memory_bytes"] == 900 << 30
    assert "at most 900.0 GiB a process" in said.err
    assert "onnx 3 s" in said.err


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("rvm", "--format", "executorch", "--recipe", "w8"), "x.pte"),
        (("rvm", "--format", "coreml-image", "--recipe", "w8a8"), "x.image.mlpackage"),
        (("propagation", "--program", "read", "--format", "coreml-image"), "x.image.mlpackage"),
        (("scribble", "--format", "coreml-stateful", "--recipe", "fp16"), "x.stateful.mlpackage"),
    ],
)
def test_a_file_that_no_build_writes_is_not_exported_alone(
    cli: Callable[..., Any], tmp_path: Path, words: tuple[str, ...], name: str
) -> None:
    said = cli("export", *words, "--tier", "t01", "--out", tmp_path / name)
    line = said.refusal(2)
    assert line.startswith(f"no program of {words[0]} is written as")
    assert not list(tmp_path.iterdir())
