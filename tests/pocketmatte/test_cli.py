import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.cli import app, main, spread
from pocketmatte.commands import demo
from tiers.ladder import LADDERS, ladder

COMMANDS = [command.name for command in app.registered_commands]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_shows_examples_line_by_line(
    cli: Callable[..., Any], name: str
) -> None:
    said = cli(name, "--help")
    assert said.code == 0
    lines = said.out.splitlines()
    examples = lines[lines.index("  Examples:") + 1 :]
    assert examples[0].startswith(f"      pocketmatte {name}")
    assert "--json" in said.out


def test_without_a_command_there_is_help(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["pocketmatte"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in COMMANDS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("nope", "No such command 'nope'."),
        ("tiers --nope", "No such option: --nope"),
        ("import rvm", "Missing argument 'file'."),
        ("import rvm x.pth", "Missing option '--out'."),
        ("export rvm --out x.onnx", "Missing option '--tier'."),
        ("build --jobs two", "Invalid value for '--jobs': Input should be a valid integer"),
        ("build --jobs 0", "--jobs is 0; it must be 1 or more"),
        ("build --orientation sideways", "Invalid value for '--orientation': "),
        ("evaluate rvm --tier t01", "Missing option '--clips'."),
        ("tiers nope", "no network 'nope'; there are rvm"),
        ("build --network nope", "no network 'nope'; there are rvm, "),
        ("build --tier t01,t13", "no tier 't13'; there are t01, t02, t03, t04, t05, t06, t07, "),
        ("build --format tflite", "no format 'tflite'; there are onnx, coreml, coreml-image, "),
        ("build --recipe int3", "no recipe 'int3'; there are fp32, fp16, w8, w8a8, or all"),
        ("build --recipe ,", "no recipe ''; there are fp32, fp16, w8, w8a8, or all"),
        ("export rvm --tier t13 --out x", "no tier 't13'; the ladder of rvm has t01, t02, "),
        ("export nope --tier t01 --out x", "no network 'nope'; there are rvm"),
        ("export rvm --tier t01 --format x --out x", "no format 'x'; there are onnx, coreml, "),
        ("evaluate nope --tier t01 --clips x", "no network 'nope'; there are rvm"),
        (
            "export propagation --tier t01 --out x.onnx",
            "propagation has 3 programs; add --program, one of ",
        ),
        (
            "export propagation --tier t01 --program nope --out x.onnx",
            "no program 'nope'; propagation has ",
        ),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_wrong_use_is_one_line_and_2(
    cli: Callable[..., Any], words: str, message: str, as_json: bool
) -> None:
    said = cli(*words.split(), *(["--json"] if as_json and "tiers --nope" not in words else []))
    assert said.refusal(2).startswith(message)


def test_a_disk_error_that_nothing_foresaw_is_one_line_and_1(
    cli: Callable[..., Any], bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(bundle / "x"))

    monkeypatch.setattr("pocketmatte.bundle.read_manifest", refused)
    line = cli("pack", bundle).refusal(1)
    assert line == f"{bundle / 'x'}: Is a directory; check the path and the disk"


def test_what_fails_because_of_ctrl_c_is_ctrl_c(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    monkeypatch.setattr("pocketmatte.cli.app", interrupted)
    line = cli("tiers").refusal(130)
    assert line == "stopped; what was finished is kept, nothing is half-written"


def test_the_tiers_are_listed_with_what_they_cost(cli: Callable[..., Any]) -> None:
    rows = cli("tiers", "rvm", "--json").json()
    assert [(row["network"], row["tier"]) for row in rows] == [
        ("rvm", name) for name in ladder("rvm")
    ]
    assert rows[0]["gmacs"] <= 0.12
    assert rows[0]["params"] <= 500_000
    assert all(name in cli("tiers", "rvm").out for name in ladder("rvm"))


def test_all_networks_are_listed_when_none_is_named(cli: Callable[..., Any]) -> None:
    rows = cli("tiers", "--json").json()
    assert [(row["network"], row["tier"]) for row in rows] == [
        (network, name) for network in LADDERS for name in ladder(network)
    ]


def test_the_demo_prints_its_parts_as_one_json_object(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "_TIER": "t01",
        "_FORMATS": ("onnx",),
        "_RECIPES": ("fp32",),
        "_VERIFY_FRAMES": 4,
        "_BENCH_SECONDS": 0.1,
        "_FRAMES": 3,
    }.items():
        monkeypatch.setattr(demo, name, value)
    said = cli("demo", "--out", tmp_path / "demo", "--json")
    assert said.code == 0, said.err
    parts = said.json()
    assert list(parts) == ["build", "verify", "bench", "matte"]
    assert parts["build"]["built"] == 1
    assert parts["verify"]["passed"] is True
    assert len(parts["bench"]["latencies"]) == 2
    assert parts["matte"]["matted"]["frames"] == 3
    assert all(Path(path).is_file() for path in parts["matte"]["matted"]["files"].values())


def test_the_demo_refuses_what_is_no_video_before_it_builds(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "demo"
    line = cli("demo", tmp_path / "none.mp4", "--out", out, "--json").refusal(2)
    assert line.startswith(f"{tmp_path / 'none.mp4'}: cannot be opened")
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "spread_out"),
    [
        ("--clips a b c", "--clips a --clips b --clips c"),
        ("rvm --clips a b --tier t01", "rvm --clips a --clips b --tier t01"),
        ("--clips a --clips b c", "--clips a --clips b --clips c"),
        ("--clips=a b", "--clips=a --clips b"),
        ("--clips a -- b", "--clips a -- b"),
        ("--tier t01 b", "--tier t01 b"),
    ],
)
def test_values_after_clips_are_spread(words: str, spread_out: str) -> None:
    assert spread(words.split()) == spread_out.split()


def test_paths_that_look_like_markup_are_printed_as_they_are(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    odd = tmp_path / "[red]:smile:[/red]"
    line = cli("verify", odd).refusal(2)
    assert line.startswith(f"{odd} holds no manifest.json")
