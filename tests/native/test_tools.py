import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.native.budget import (
    SHARE,
    Counts,
    libraries_digest,
    over_budget,
    read_counts_file,
    write_counts_file,
)
from pocketmatte.native.building import (
    DESCRIPTION,
    RUNNER,
    build_runner,
    read_runner,
    source_digest,
)
from pocketmatte.native.emulation import cpu, read_counts
from pocketmatte.native.tools import TARGETS, missing, ran, target, unbuildable
from tiers.errors import BundleError, RuntimeUnavailableError, UsageError


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert missing(["qemu-aarch64"]) == "qemu-aarch64 not found (Debian: qemu-user)"
    assert "(Debian: cmake binutils g++-aarch64-linux-gnu)" in (
        unbuildable(TARGETS["linux-aarch64"]) or ""
    )
    assert missing(["apt-get", "dpkg-deb"]) == "apt-get, dpkg-deb not found (Debian: apt dpkg)"
    with pytest.raises(RuntimeUnavailableError, match="cannot be built for linux-aarch64: cmake"):
        build_runner(TARGETS["linux-aarch64"], Path("nowhere"))


def test_a_tool_that_fails_is_said_with_its_first_error() -> None:
    command = ["sh", "-c", "echo fine; echo 'x.cpp:1: error: no such thing' >&2; exit 3"]
    with pytest.raises(RuntimeUnavailableError, match=r"sh failed with 3: x\.cpp:1: error"):
        ran(command, "sh")


@pytest.mark.parametrize(("ask", "listed"), [(target, "linux-x86_64"), (cpu, "cortex-a72")])
def test_unknown_names_are_refused_and_the_known_listed(
    ask: Callable[[str], object], listed: str
) -> None:
    with pytest.raises(UsageError, match=rf"no \w+ 'toaster'; there are .*{listed}"):
        ask("toaster")


def described(folder: Path, **changed: object) -> Path:
    from importlib import metadata

    content: dict[str, object] = {
        "target": "linux-aarch64", "command": ["./runner"],
        "executorch": metadata.version("executorch"), "source": source_digest(), **changed,
    }  # fmt: skip
    folder.mkdir()
    (folder / DESCRIPTION).write_text(json.dumps(content))
    (folder / RUNNER).touch(mode=0o755)
    return folder


def test_a_folder_without_its_program_is_refused(tmp_path: Path) -> None:
    folder = described(tmp_path / "built")
    (folder / RUNNER).unlink()
    with pytest.raises(RuntimeUnavailableError, match="holds no program runner; build it with"):
        read_runner(folder)


def test_a_built_runner_is_read(tmp_path: Path) -> None:
    assert read_runner(described(tmp_path / "built")).target == "linux-aarch64"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"executorch": "0.1"}, r"is of executorch 0\.1, installed is"),
        ({"source": "0" * 64}, "is of other sources than those in"),
        ({"command": "run"}, "no native runner in"),
    ],
)
def test_a_runner_of_another_time_is_refused(
    tmp_path: Path, changed: dict[str, object], reason: str
) -> None:
    with pytest.raises(RuntimeUnavailableError, match=f"{reason}.*build it with: pocketmatte"):
        read_runner(described(tmp_path / "built", **changed))


def test_an_emulator_that_counts_nothing_is_said(tmp_path: Path) -> None:
    with pytest.raises(RuntimeUnavailableError, match="no instructions were counted"):
        read_counts(tmp_path / "none")


def test_a_count_within_the_budget_passes_and_one_above_it_fails() -> None:
    kept = {"rvm/t01/fp32": 1_000_000}
    assert over_budget({"rvm/t01/fp32": int(1_000_000 * (1 + SHARE))}, kept) == []
    assert over_budget({"rvm/t01/fp32": 900_000}, kept) == []
    (line,) = over_budget({"rvm/t01/fp32": 1_002_000}, kept)
    assert line.startswith("rvm/t01/fp32 takes 1002000 instructions, 0.20 % more; the budget is")
    (line,) = over_budget({"rvm/t02/fp32": 5}, kept)
    assert line == "rvm/t02/fp32 takes 5 instructions and has no budget; write one"


def test_a_budget_is_read_as_it_was_written(tmp_path: Path) -> None:
    counts = Counts(processor="cortex-a76", libraries="0" * 64, frames={"rvm/t01/fp32": 7})
    write_counts_file(tmp_path / "budget.json", counts)
    assert read_counts_file(tmp_path / "budget.json") == counts


@pytest.mark.parametrize("text", ["", "{}", '{"frames": {"x": 0}}'])
def test_a_damaged_budget_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "budget.json").write_text(text)
    with pytest.raises(BundleError, match=r"budget\.json is no budget: .*; write it again"):
        read_counts_file(tmp_path / "budget.json")


def test_other_libraries_have_another_digest(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libc.so.6").write_bytes(b"one")
    before = libraries_digest(tmp_path)
    (tmp_path / "lib" / "libc.so.6").write_bytes(b"two")
    assert libraries_digest(tmp_path) != before


def test_the_commands_refuse_what_they_do_not_know(cli: Callable[..., Any], tmp_path: Path) -> None:
    said = cli("runner", "--target", "toaster", "--out", tmp_path)
    assert said.code == 2
    assert "no target 'toaster'; there are linux-x86_64" in said.err


@pytest.mark.parametrize("command", ["runner", "trace", "bench-android", "bench-ios"])
def test_help_teaches_by_examples(cli: Callable[..., Any], command: str) -> None:
    said = cli(command, "--help")
    assert said.code == 0
    assert f"pocketmatte {command}" in said.out.partition("Examples:")[2]
