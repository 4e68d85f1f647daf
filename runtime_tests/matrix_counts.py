"""``python -m runtime_tests.matrix_counts BUNDLE...``: how many tiers of which recipe hold.

Counts, of bundles that were built and verified, the tiers of each network, format and recipe: those
that passed, those of them that are mixed, those that failed, those that were not judged, and those
that are not offered: not built beside their fp32 twin, or too large to be worth it. What is faster
is for ``bench``; a tier counts as offered here where it is smaller alone. Exits with 1 where
something failed or was not judged.
"""

import argparse
import dataclasses
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

from export.manifest import Artifact
from export.recipe import RECIPES
from pocketmatte.bundle import read_bundle
from pocketmatte.console import note, stdout, table
from pocketmatte.groups import same_tier
from pocketmatte.parity_figures import STATUSES
from pocketmatte.quantise_report import REFERENCE, SMALLER, together_of, verdicts_of
from tiers.errors import PocketMatteError
from tiers.ladder import LADDERS

_GOOD = frozenset(STATUSES) - {"failed"}


@dataclasses.dataclass
class Count:
    """Of the tiers of one network, format and recipe."""

    tiers: int = 0
    passed: int = 0
    mixed: int = 0
    failed: int = 0
    unjudged: int = 0
    not_offered: int = 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m runtime_tests.matrix_counts", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("bundles", nargs="+", type=Path, metavar="BUNDLE")
    given = parser.parse_args(arguments)
    try:
        counts = counted(given.bundles)
    except PocketMatteError as error:
        note(str(error))
        return 2
    columns = (
        "network", "format", "recipe", "tiers", "passed", "of them mixed", "failed", "not judged",
        "not offered",
    )  # fmt: skip
    cells = [
        (*name, *dataclasses.astuple(count))
        for name, count in sorted(counts.items(), key=lambda item: _place(*item[0]))
    ]
    stdout.print(table("", columns, cells))
    return 1 if any(count.failed or count.unjudged for count in counts.values()) else 0


def counted(roots: Sequence[Path]) -> dict[tuple[str, str, str], Count]:
    """Return counts by network, format and recipe.

    Raises:
        BundleError: If a bundle or its results are damaged.
    """
    counts: dict[tuple[str, str, str], Count] = {}
    for root in roots:
        verdicts = verdicts_of(root)
        for same in same_tier(read_bundle(root).artifacts):
            held = together_of(same)
            forms = {form for form, _ in held}
            for form, recipe in itertools.product(sorted(forms), RECIPES):
                files, reference = (held.get((form, each), []) for each in (recipe, REFERENCE))
                count = counts.setdefault((same[0].network, form, recipe), Count())
                found = [verdicts.get(file.sha256) for file in files]
                states = {each and each.status for each in found}
                count.tiers += 1
                passed = bool(files) and states <= _GOOD
                count.passed += passed
                count.mixed += passed and any(file.notes.get("kept") for file in files)
                count.failed += "failed" in states
                count.unjudged += None in states
                count.not_offered += recipe != REFERENCE and not (
                    passed and len(files) == len(reference) and _smaller(files, reference)
                )
    return counts


def _smaller(files: Sequence[Artifact], reference: Sequence[Artifact]) -> bool:
    size, whole = (sum(file.size_bytes for file in each) for each in (files, reference))
    return whole >= SMALLER * size


def _place(network: str, form: str, recipe: str) -> tuple[int, str, int]:
    return list(LADDERS).index(network), form, list(RECIPES).index(recipe)


if __name__ == "__main__":
    sys.exit(main())
