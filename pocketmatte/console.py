"""What commands share: lists in options, progress on the terminal, tables, JSON, exit codes."""

import contextlib
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

CHECK_FAILED = 1

# progress and notes go to stderr: stdout holds what was asked for and can be piped
stderr = Console(stderr=True, highlight=False)
# a pipe has no width: tables are not folded there
stdout = Console(highlight=False, width=None if sys.stdout.isatty() else 200)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else.")]


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
def progress(total: int | None, what: str, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show a bar on stderr; call what is yielded after each step with a word about it.

    Where stderr is no terminal, or with ``quiet``, nothing is drawn.
    """
    if quiet or not stderr.is_terminal:
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


def note(text: str) -> None:
    """Say something beside the result, on stderr."""
    stderr.print(text)


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
