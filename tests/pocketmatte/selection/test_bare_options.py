"""The options of a bare Python are those of ``pocketmatte``, and wrong use is said in one line."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin

import pytest
from typer.models import OptionInfo

from pocketmatte.commands.delivering import deliver_
from pocketmatte.commands.selecting import bundle_, select_
from pocketmatte.selection.__main__ import _parser, main

COMMANDS: dict[str, Callable[..., None]] = {
    "select": select_, "bundle": bundle_, "deliver": deliver_,
}  # fmt: skip


def typed(command: Callable[..., None]) -> dict[str, str]:
    """Return what each option and argument of a typer command is for."""
    found = {}
    for name, each in inspect.signature(command).parameters.items():
        assert get_origin(each.annotation) is Annotated
        info: Any = get_args(each.annotation)[1]
        # typer takes the first word of an option for its default until it makes a command of it
        option = info.default if isinstance(info.default, str) else f"--{name.replace('_', '-')}"
        found[option if isinstance(info, OptionInfo) else name] = info.help
    return found


def bare(command: str) -> dict[str, str]:
    """Return the same of a bare Python."""
    (commands,) = [each for each in _parser([command])._actions if each.dest == "command"]
    choices: Any = commands.choices
    return {
        each.option_strings[-1] if each.option_strings else each.dest: each.help
        for each in choices[command]._actions
        if each.dest != "help"
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_both_ends_take_the_same_options_and_say_the_same_of_them(command: str) -> None:
    assert bare(command) == typed(COMMANDS[command])
    assert all(bare(command).values())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_bare_python_lists_its_options(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "--json" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required: command; python3 -m pocketmatte.selection "),
        (["choose"], "argument command: invalid choice: 'choose'"),
        (["select"], "required: bundle; python3 -m pocketmatte.selection select --help lists"),
        (["select", "a", "--budget-ms", "soon"], "argument --budget-ms: invalid float value: "),
        (["select", "a", "--no\x1b[2J\nsuch"], "unrecognized arguments: --no?[2J such"),
        (["bundle", "a"], "required: --out; python3 -m pocketmatte.selection bundle --help"),
        (["deliver", "a", "--out", "b", "--neighbours", "x"], "--neighbours: invalid int value"),
        (["deliver", "a", "--out", "b", "--layout", "x"], "no layout 'x'; there are assets, ai-"),
    ],
)
def test_wrong_use_is_said_in_one_line_that_a_build_step_knows(
    capfd: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    try:
        code: object = main(words)
    except SystemExit as ended:
        code = ended.code
    (line,) = capfd.readouterr().err.splitlines()
    assert code == 2
    assert line.startswith("pocketmatte: ")
    assert said in line
