"""``pocketmatte lint``: what is known to keep a Core ML file off the Neural Engine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from pocketmatte.console import Done, JsonFlag, emit, finish, note, relative, stdout, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pocketmatte.lint.check import Linted

_NOTE = (
    "a lint: it tells what is known to leave the Neural Engine, not where Core ML will place "
    "anything; that is known on a device alone (Xcode's performance report, MLComputePlan)"
)


def lint_(
    files: Annotated[list[Path], typer.Argument(help="Core ML packages: FILE.mlpackage.")],
    strict: Annotated[
        bool, typer.Option("--strict", help="End with 1 at warnings too, not at errors alone.")
    ] = False,
    summary: Annotated[
        bool, typer.Option("--summary", help="Print one line of each function.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Look for what keeps a Core ML file, or parts of it, off the Neural Engine.

    Reads the declared types and shapes of every function, on any machine. An error is known to
    leave the engine or to fail there, a warning costs or risks something, a hint is worth knowing.
    MACs is the share of the function's multiply-accumulates that lies in the operations concerned.
    What a rule says and who says so is in docs/lint.md; much of it is reverse-engineered. Where
    Core ML places an operation is known on a device alone. Exits with 1 at an error.

    Examples:
        pocketmatte lint build/bundle/rvm/t04/matte-fp16.mlpackage

        pocketmatte lint build/bundle/rvm/*/*.mlpackage --strict --json

        pocketmatte lint build/bundle/*/*/*-fp16.mlpackage --summary
    """
    done = linted(files, strict=strict, as_json=as_json, show=_summarise if summary else _show)
    finish(done, as_json=as_json)


def linted(
    files: "Sequence[Path]",
    *,
    strict: bool,
    as_json: bool,
    show: "Callable[[Mapping[str, Sequence[Linted]]], None]",
) -> Done:
    """Lint files, show what was found of each function, and say how much it is."""
    from pocketmatte.lint.check import lint_package
    from pocketmatte.lint.finding import SEVERITIES
    from pocketmatte.lint.words import some

    found = {relative(path): lint_package(path) for path in dict.fromkeys(files)}
    counts = dict.fromkeys(SEVERITIES, 0)
    for functions in found.values():
        for function in functions:
            for finding in function.findings:
                counts[finding.severity] += 1
    if not as_json:
        show(found)
    counted = ", ".join(some(count, severity) for severity, count in counts.items())
    note(f"{counted}; {_NOTE}")
    passed = not counts["error"] and not (strict and counts["warning"])
    result = {
        "note": _NOTE,
        "passed": passed,
        "counts": counts,
        "files": [{"path": path, "functions": functions} for path, functions in found.items()],
    }
    return Done(result=result, passed=passed)


def _show(found: "Mapping[str, Sequence[Linted]]") -> None:
    """Print the findings of each function, then what to do about the rules that were broken."""
    broken = {}
    for path, functions in found.items():
        for function in functions:
            uncounted = f", {function.uncounted} uncounted" if function.uncounted else ""
            title = (
                f"{path}, {function.function}: {function.operation_count} operations, "
                f"{function.macs / 1e9:.3f} GMACs{uncounted}"
            )
            stdout.print(title, soft_wrap=True)
            emit(None, _findings(function), as_json=False)
            broken.update({finding.rule: finding for finding in function.findings})
    cells = [
        (name, finding.mend, "; ".join(map(str, finding.sources)))
        for name, finding in broken.items()
    ]
    if cells:
        emit(None, table("", ("rule", "mend", "source"), cells), as_json=False)


def _summarise(found: "Mapping[str, Sequence[Linted]]") -> None:
    """Print one line of each function: how much it breaks, and what is worse than a hint."""
    cells = []
    for path, functions in found.items():
        for function in functions:
            severities = [finding.severity for finding in function.findings]
            worse = [
                f"{finding.rule} {100 * (finding.mac_share or 0):.0f}%"
                for finding in function.findings
                if finding.severity != "hint"
            ]
            where = path if function.function == "main" else f"{path}, {function.function}"
            counts = [severities.count(each) for each in ("error", "warning", "hint")]
            cells.append((where, function.operation_count, *counts, ", ".join(worse)))
    columns = ("file", "operations", "errors", "warnings", "hints", "rules and their share of MACs")
    emit(None, table("", columns, cells), as_json=False)


def _findings(function: "Linted") -> Table:
    cells = [
        (
            finding.severity,
            finding.rule,
            finding.operation_count,
            None if finding.mac_share is None else f"{100 * finding.mac_share:.1f}%",
            finding.message,
        )
        for finding in function.findings
    ]
    return table("", ("", "rule", "operations", "MACs", "found"), cells)
