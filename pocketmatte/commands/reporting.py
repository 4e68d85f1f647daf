"""``pocketmatte report``: one page that shows a bundle."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pocketmatte.commands.proving import BundleArgument
from pocketmatte.console import Done, JsonFlag, finish, note, progress, relative, table
from tiers.errors import UsageError

if TYPE_CHECKING:
    from pocketmatte.report.compare import Comparison
    from pocketmatte.report.gather import Report

_SUFFIXES = (".html", ".htm")


def report(
    bundle: BundleArgument,
    html: Annotated[Path, typer.Option(help="The page to write; a name ending in .html.")],
    against: Annotated[
        Path | None, typer.Option(help="An earlier build, to tell what changed since.")
    ] = None,
    evaluation: Annotated[
        list[Path] | None,
        typer.Option(help="What evaluate --json printed of this bundle's tiers; may be repeated."),
    ] = None,
    no_thumbnails: Annotated[
        bool, typer.Option("--no-thumbnails", help="Run no tier on a picture to show it.")
    ] = False,
    fail_on_regression: Annotated[
        bool,
        typer.Option(
            "--fail-on-regression",
            help="Exit with 1 where --against is better, or has cells that hold and are gone.",
        ),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show a bundle as one page: verdicts, sizes, latencies, accuracy, pictures, changes.

    The page is one HTML file that needs no network and no other file; mail it, or keep it beside
    the bundle. It shows what verify and bench found last of the files as they are now; what was
    not measured is said to be so. Accuracy on clips comes from --evaluation. A page above 8 MB
    leaves pictures out and says so.

    With --against, regressions come first: a worse verdict, a lower PSNR, a larger file, more
    layers kept in floating point, and a longer latency where one machine measured both.

    Examples:
        pocketmatte report build/bundle --html build/bundle.html

        pocketmatte report build/new --against build/old --html build/new.html --fail-on-regression

        pocketmatte evaluate rvm --tier t04 --clips clips/one --json > build/rvm.json

        pocketmatte report build/bundle --evaluation build/rvm.json --html build/bundle.html
    """
    if html.suffix.lower() not in _SUFFIXES:
        msg = f"--html is {html}; the page is HTML: give a name ending in .html"
        raise UsageError(msg)
    if fail_on_regression and against is None:
        msg = "--fail-on-regression compares two builds; add --against EARLIER_BUILD"
        raise UsageError(msg)
    done = reported(bundle, html, against, evaluation or [], thumbnails=not no_thumbnails)
    finish(dataclasses.replace(done, passed=done.passed or not fail_on_regression), as_json=as_json)


def reported(
    bundle: Path, html: Path, against: Path | None, evaluations: list[Path], *, thumbnails: bool
) -> Done:
    """Gather with a bar, write the page, and say what it shows; not passed is a regression."""
    from pocketmatte.bundle import read_bundle
    from pocketmatte.report.gather import gathered
    from pocketmatte.report.page import write_page

    manifest = read_bundle(bundle)
    tiers = len({(a.network, a.tier, a.frame.orientation) for a in manifest.artifacts})
    with progress(tiers * (2 if thumbnails else 1), "reporting") as advance:
        made = gathered(bundle, against=against, evaluations=evaluations, on_tier=advance)
        if thumbnails:
            from pocketmatte.report.thumbnails import thumbnails as pictured

            pictures = pictured(bundle, made.manifest, made.rows, advance)
            made = dataclasses.replace(made, thumbnails=pictures)
    written = write_page(html, made)
    for line in _pictureless(written.pictureless):
        note(line)
    for what, missing in (("verify", made.verdicts is None), ("bench", made.latencies is None)):
        if missing:
            note(f"not measured: run pocketmatte {what} {relative(bundle)}")
    for line in made.comparison.notes if made.comparison else ():
        note(line)
    note(f"wrote {relative(html)}, {written.size_bytes / 1e6:.1f} MB")
    regressions = made.comparison.regressions if made.comparison else ()
    lost = made.comparison.lost if made.comparison else ()
    if lost:
        ((network, tier, _), (form, recipe)), *others = lost
        more = f" and {len(others)} more" if others else ""
        note(f"gone, though it held before: {network} {tier} {form} {recipe}{more}")
    result: dict[str, Any] = {
        "html": html,
        "size_bytes": written.size_bytes,
        "files": made.files,
        "cells": made.states,
        "pictures": written.pictures,
        "pictures_left_out": written.left_out,
        "comparison": made.comparison,
    }
    return Done(
        result=result, table=_table(made, made.comparison), passed=not (regressions or lost)
    )


def _pictureless(reasons: Mapping[str, str]) -> Iterator[str]:
    """Say once of all tiers that have no picture for one reason."""
    for reason in dict.fromkeys(reasons.values()):
        first, *others = (name for name, each in reasons.items() if each == reason)
        more = f" and {len(others)} more" if others else ""
        yield f"no picture of {first}{more}: {reason}"


def _table(made: "Report", comparison: "Comparison | None") -> Any:
    cells = [(name, number) for name, number in made.states.items() if number]
    if comparison is not None:
        cells += [
            ("regressions", len(comparison.regressions)),
            ("improvements", len(comparison.improvements)),
            ("added", len(comparison.added)),
            ("removed", len(comparison.removed)),
        ]
    return table("", ("cells of the matrix", "number"), cells)
