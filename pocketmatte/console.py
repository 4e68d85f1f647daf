"""What commands share: lists in options, progress on the terminal, tables, JSON, exit codes."""

import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from pocketmatte.results import plain
from tiers.errors import UsageError

_CHECK_FAILED = 1

# Progress and notes go to stderr: stdout holds what was asked for and can be piped. Paths may hold
# what rich takes for markup or emoji.
stderr = Console(stderr=True, highlight=False, markup=False, emoji=False)
# a pipe has no width: tables are not folded there
stdout = Console(
    highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 200
)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else.")]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What a command found.

    Attributes:
        result: What ``--json`` prints.
        table: What is printed otherwise, if anything.
        passed: Whether every check was.
    """

    result: Any
    table: Table | None = None
    passed: bool = True


def finish(done: Done, *, as_json: bool) -> None:
    """Print what a command found; end with 1 where a check failed."""
    emit(done.result, done.table, as_json=as_json)
    if not done.passed:
        raise typer.Exit(_CHECK_FAILED)


def chosen(text: str, known: Sequence[str], what: str) -> tuple[str, ...]:
    """Return the names of a comma-separated option; ``all`` means every known one.

    Raises:
        UsageError: If a name is unknown or none is given; the message lists the known ones.
    """
    names = list(known) if text == "all" else [part.strip() for part in text.split(",")]
    for name in names:
        if name not in known:
            msg = f"no {what} {name!r}; there are {', '.join(known)}, or all"
            raise UsageError(msg)
    return tuple(dict.fromkeys(names))


def require_at_least(option: str, value: int, least: int = 1) -> None:
    """Refuse a number that is too small.

    Raises:
        UsageError: With the option's name, the number and the least one.
    """
    if value < least:
        msg = f"{option} is {value}; it must be {least} or more"
        raise UsageError(msg)


def emit(value: Any, table: Table | None, *, as_json: bool) -> None:
    """Print ``value`` as JSON, or its table."""
    if as_json:
        sys.stdout.write(json.dumps(plain(value), indent=1, allow_nan=False) + "\n")
    elif table is not None:
        stdout.print(table)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Return a table; a column whose cells all look like numbers is set to the right."""
    made = Table(title=title, title_justify="left", box=None, pad_edge=False)
    cells = [[_cell(value) for value in row] for row in rows]
    for index, name in enumerate(columns):
        numeric = all(_is_number(row[index]) for row in cells)
        made.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        made.add_row(*row)
    return made


@contextlib.contextmanager
def progress(total: int | None, what: str) -> Iterator[Callable[[str], None]]:
    """Show a bar on stderr; call what is yielded after each step with a word about it.

    Where stderr is no terminal nothing is drawn.
    """
    if not stderr.is_terminal:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task(what, total=total)

        def advance(word: str) -> None:
            bar.update(task, advance=1, description=f"{what} {word}")

        yield advance


@contextlib.contextmanager
def weighed_progress(what: str) -> Iterator["Weighed"]:
    """Show a bar on stderr whose steps are not alike, with the time that is left.

    Where stderr is no terminal nothing is drawn.
    """
    if not stderr.is_terminal:
        yield Weighed()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield Weighed(
            begin=lambda total: bar.update(task, total=total),
            advance=lambda word, weight: bar.update(
                task, advance=weight, description=f"{what} {word}"
            ),
        )


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Weighed:
    """A bar.

    Attributes:
        begin: Takes the weight of all steps.
        advance: Takes a word about a step that is done, and its weight.
    """

    begin: Callable[[float], object] = lambda _: None
    advance: Callable[[str, float], object] = lambda _, __: None


def note(text: str) -> None:
    """Say something beside the result, in one line on stderr."""
    stderr.print(" ".join(text.split()), soft_wrap=True)


def relative(path: Path) -> str:
    """Return a path as people type it: relative to the working folder where it lies inside."""
    with contextlib.suppress(ValueError):
        return str(path.resolve().relative_to(Path.cwd()))
    return str(path)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _is_number(text: str) -> bool:
    if text == "-":
        return True
    try:
        float(text.rstrip("x%"))
    except ValueError:
        return False
    return True
