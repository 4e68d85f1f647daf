"""``pocketmatte results-add``, ``results-list``, ``results-compare``: what devices gave back."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pocketmatte.console import Done, JsonFlag, finish, note, relative, table
from tiers.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from pocketmatte.device_results.compare import Compared, Comparison
    from pocketmatte.device_results.figures import Figure
    from pocketmatte.device_results.summary import Summary

StoreOption = Annotated[Path, typer.Option(help="Folder that results are kept in.")]

_LIST_COLUMNS = (
    "process", "device", "network", "tier", "format", "recipe", "status", "latency", "p50 ms",
    "p95 ms", "MB", "worst dB", "M instructions", "run",
)  # fmt: skip
_COMPARE_COLUMNS = ("figure", "verdict", "before", "after", "ratio", "bounds", "device", "of", "")
_SHOWN_SAME = ("p50", "instructions")  # the one figure that is shown of a pair where all is well
_MIDDLE = ("noisy", "refused")


def results_add(
    sources: Annotated[list[Path], typer.Argument(help="Results, or folders of them.")],
    store: StoreOption,
    bundle: Annotated[
        Path | None, typer.Option(help="Refuse what is not of this bundle's files.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Keep results that devices gave back, each once.

    Every file is checked: its size and form, that it does not contradict itself or the protocol,
    and with --bundle that it is of the files, weights and trace that the bundle holds now. What
    fails is refused in one line, the rest is kept, and the exit code is 1. A result that is known
    is passed over; one of a known run of the device with other content is refused. The store's
    results-index.json follows from its files, whatever the order they came in.

    Examples:
        pocketmatte results-add build/bundle/results/android --store results --bundle build/bundle

        pocketmatte results-add from-the-lab/*.json --store results

        pocketmatte results-add other-store --store results
    """
    from pocketmatte.device_results.adding import add, files_of
    from pocketmatte.device_results.staleness import stale_for

    files = files_of(sources)
    added = add(files, store, stale_for(bundle) if bundle is not None else None)
    for line in added.refused:
        note(f"refused: {line}")
    for line in added.damaged:
        note(f"damaged: {line}")
    note(
        f"{len(added.added)} added, {added.known} known, {len(added.refused)} refused; "
        f"{relative(store)} holds {added.total}"
    )
    passed = not (added.refused or added.damaged)
    finish(Done(result=added, passed=passed), as_json=as_json)


def results_list(store: StoreOption, as_json: JsonFlag = False) -> None:
    """List what a store holds: device, tier, latencies, and what these are worth.

    Results of another process are of another kind, so the list is by process: a shell, an app in
    the foreground, this host, an emulated processor. The last has instructions and no latencies.
    Files are read, not the index; one that is not what was added is named, and the exit code is 1.

    Examples:
        pocketmatte results-list --store results

        pocketmatte results-list --store results --json
    """
    from pocketmatte.device_results.store import read_store
    from pocketmatte.device_results.summary import summary

    shelf = read_store(store)
    rows = {path: summary(kept) for path, kept in shelf.kept.items()}
    for line in shelf.faults.values():
        note(f"damaged: {line}")
    note(f"{relative(store)} holds {len(rows)}")
    result = {
        "results": [{"path": path, **dataclasses.asdict(row)} for path, row in rows.items()],
        "damaged": list(shelf.faults.values()),
    }
    shown_table = _list_table(list(rows.values()))
    finish(Done(result=result, table=shown_table, passed=not shelf.faults), as_json=as_json)


def results_compare(
    before: Annotated[Path, typer.Argument(help="A result, a folder of results, or a store.")],
    after: Annotated[
        Path | None, typer.Argument(help="Likewise; the same store if not given.")
    ] = None,
    before_run: Annotated[
        str | None,
        typer.Option("--before", help="A run of BEFORE, or what the names of its runs begin with."),
    ] = None,
    after_run: Annotated[
        str | None,
        typer.Option("--after", help="A run of AFTER, or what the names of its runs begin with."),
    ] = None,
    smallest: Annotated[
        float, typer.Option(help="Change of a median latency that counts, in percent.")
    ] = 3.0,
    as_json: JsonFlag = False,
) -> None:
    """Tell what became slower, larger or worse from one set of results to another.

    Compared are runs of one device, process, runtime, delegate, number of threads, tier, format and
    recipe. Latencies are refused, with the reason, where they are not valid, where the device was
    throttled, or where delegate, system, thermal state or low power mode are not the same.
    A median is slower where all of its bounds, 95 of 100 bootstrapped ratios of the raw samples,
    lie beyond --smallest; it is noisy where they do not tell. Counts are exact.

    Exits with 1 on a regression, on a file that cannot be read, or where no two runs could be
    compared.

    Examples:
        pocketmatte results-compare old-results results

        pocketmatte results-compare results --before 20260102T030405Z --after 20260203T040506Z

        pocketmatte results-compare old.json new.json --smallest 5 --json
    """
    from pocketmatte.device_results.compare import compare, read_source

    if after is None and (before_run is None or after_run is None):
        msg = "give AFTER, or both --before RUN and --after RUN of one store"
        raise UsageError(msg)
    sides = [
        read_source(before, before_run, "--before"),
        read_source(before if after is None else after, after_run, "--after"),
    ]
    found = compare(sides[0].kept, sides[1].kept, smallest)
    refused = list(dict.fromkeys((*sides[0].refused, *sides[1].refused)))
    _tell(found, refused)
    passed = bool(found.compared) and not refused and not found.regressions
    result = {"regressions": found.regressions, "refused": refused, "comparison": found}
    finish(Done(result=result, table=_compare_table(found), passed=passed), as_json=as_json)


def _tell(found: "Comparison", refused: list[str]) -> None:
    for line in refused:
        note(f"refused: {line}")
    for each in found.apart:
        runs = " and ".join(run for run in (each.before, each.after) if run)
        note(f"not compared: {each.device} {each.subject}, {runs}: {each.reason}")
    for pair in found.compared:
        for line in pair.notes:
            note(f"{pair.device} {pair.subject}: {line}")
    if found.older:
        note(f"{found.older} older run(s) of the same left out")
    if not found.compared:
        note("no two runs could be compared")
    verdicts = [figure.verdict for pair in found.compared for figure in pair.figures]
    note(
        f"{len(found.compared)} pair(s) compared: {found.regressions} regression(s), "
        + ", ".join(f"{verdicts.count(each)} {each}" for each in _MIDDLE)
    )


def _list_table(rows: "list[Summary]") -> "Table":
    from pocketmatte.device_results.words import shown

    def scaled(value: float | None, scale: float = 1.0) -> str | None:
        return None if value is None else f"{value / scale:.2f}"

    ordered = sorted(rows, key=lambda r: (r.process, r.platform, r.model or "", r.network, r.tier))
    cells = [
        (
            r.process, shown(" ".join(filter(None, (r.manufacturer, r.model))) or r.platform, 30),
            r.network, r.tier, r.format, r.recipe, r.status, r.latency, scaled(r.p50_ms),
            scaled(r.p95_ms), scaled(r.peak_bytes, 1e6), scaled(r.worst_db),
            scaled(r.instructions_per_frame, 1e6), r.run_id,
        )
        for r in ordered
    ]  # fmt: skip
    return table("", _LIST_COLUMNS, cells)


def _compare_table(found: "Comparison") -> "Table":
    """Return a row for each figure that is not the same, regressions first, and one of the rest."""
    rows = [
        (pair, figure)
        for pair in found.compared
        for figure in pair.figures
        if figure.verdict != "same" or figure.what in _SHOWN_SAME
    ]
    rows.sort(key=lambda row: _rank(row[1]))
    return table("", _COMPARE_COLUMNS, [_row(pair, figure) for pair, figure in rows])


def _rank(figure: "Figure") -> tuple[int, float]:
    """Order regressions by what they come to, then what is not known, then the rest."""
    grown = -(figure.ratio or 0.0)
    if figure.regression:
        return 0, grown
    return (1, grown) if figure.verdict in _MIDDLE else (2, grown)


def _row(pair: "Compared", figure: "Figure") -> tuple[Any, ...]:
    def amount(value: float | str | None) -> str | None:
        if not isinstance(value, int | float):
            return value
        if figure.unit == "bytes":
            return f"{value / 1e6:.2f} MB"
        if figure.unit == "dB" and value in (float("inf"), float("-inf")):
            return "equal" if value > 0 else "not finite"
        return f"{value:.2f} {figure.unit}" if figure.unit else f"{value}"

    bounds = None if figure.low is None else f"{figure.low:.3f}..{figure.high:.3f}"
    ratio = None if figure.ratio is None else f"{figure.ratio:.4f}"
    where = f"{pair.device} ({pair.process})"
    return (
        figure.what, figure.verdict, amount(figure.before), amount(figure.after), ratio, bounds,
        where, pair.subject, figure.reason or "",
    )  # fmt: skip
