"""How long work takes on the machine that was timed: fitted rates, read in a bare Python.

    ms = sum over kinds of  nodes * r_nodes + tiled * r_tiled + ... + weights * r_weights

every rate of a kind and field at least 0, in nanoseconds: docs/cost-model.md.
"""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pocketmatte.cost_model.work import FIELDS, KINDS, Works
from pocketmatte.selection.json_files import json_value
from pocketmatte.selection.shapes import Match, MisfitError, Within, parsed, refuse
from tiers.errors import BundleError

FILE_NAME = "host_rates.json"
# What of a kind's work waits for what: sums for arithmetic, elements for memory, each node for
# the runtime itself.
ARITHMETIC = ("macs", "tiled", "shallow")
OVERHEAD = ("nodes",)
_WAITS_FOR = {
    field: "arithmetic" if field in ARITHMETIC else "overhead" if field in OVERHEAD else "memory"
    for field in FIELDS
}

Name: TypeAlias = Annotated[str, Match("[ -~]{1,120}")]
Rate: TypeAlias = Annotated[float, Within(0, 1e9)]
Above: TypeAlias = Annotated[float, Within(1e-6, 1e9)]
Count: TypeAlias = Annotated[int, Within(1, 1 << 53)]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """A time in milliseconds, by what it waits for."""

    arithmetic: float
    memory: float
    overhead: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.arithmetic + self.memory + self.overhead


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """The rates of one format and recipe.

    Attributes:
        format, recipe: Of the files that were timed.
        rates: Nanoseconds, by kind and field.
        low, high: What an estimate is multiplied by for its lower and upper end, so that nine of
            ten times of networks that were left out of the fit lie between.
        rows: Programs that were timed.
        most_macs: Of the largest of them; beyond it an estimate is a guess.
    """

    format: Name
    recipe: Name
    rates: Mapping[str, Mapping[str, Rate]]
    low: Annotated[float, Within(1e-3, 1)]
    high: Annotated[float, Within(1, 1e3)]
    rows: Count
    most_macs: Count

    def split(self, works: Works) -> Split:
        """Return how long work takes on the machine that was timed."""
        sums = {"arithmetic": 0.0, "memory": 0.0, "overhead": 0.0}
        for kind, work in works.items():
            for field, rate in self.rates.get(kind, {}).items():
                sums[_WAITS_FOR[field]] += rate * getattr(work, field) / 1e6
        return Split(**sums)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HostRates:
    """Rates of the machine that was timed, of one thread.

    Attributes:
        cpu: Its processor.
        runtimes: Versions, by name.
        gflops: What one thread reaches in a product of two large matrices, 1e9 single-precision
            operations a second.
        gigabytes_per_second: What one thread reads and writes, copying more than caches hold.
        fits: By format and recipe.
    """

    schema_version: Literal[1]
    cpu: Name
    runtimes: Mapping[str, Name]
    gflops: Above
    gigabytes_per_second: Above
    fits: tuple[Fit, ...]

    def fit(self, form: str, recipe: str) -> Fit | None:
        """Return the rates of a format and recipe, or ``None``."""
        same = [each for each in self.fits if (each.format, each.recipe) == (form, recipe)]
        return same[0] if same else None


@functools.cache
def host_rates() -> HostRates:
    """Return the rates that come with PocketMatte.

    Raises:
        BundleError: If they are damaged.
    """
    return parse_rates(rates_bytes(), FILE_NAME)


@functools.cache
def rates_bytes() -> bytes:
    """Return the file as it is."""
    return Path(__file__).with_name(FILE_NAME).read_bytes()


def parse_rates(data: bytes, name: str) -> HostRates:
    """Read fitted rates.

    Args:
        data: JSON.
        name: What messages call it.

    Raises:
        BundleError: If they are none; the message names the place.
    """
    try:
        found = parsed(json_value(data), HostRates, closed=True)
        _check(found)
    except MisfitError as error:
        msg = f"{name} holds no fitted rates: {error}; fit them again"
        raise BundleError(msg) from error
    return found


def _check(found: HostRates) -> None:
    seen = set()
    for place, fit in enumerate(found.fits):
        where = ("fits", str(place))
        if (fit.format, fit.recipe) in seen:
            refuse(f"{fit.format} {fit.recipe} is there twice", *where)
        seen.add((fit.format, fit.recipe))
        for kind, rates in fit.rates.items():
            if kind not in KINDS:
                refuse(f"no kind {kind!a:.40}; there are {', '.join(KINDS)}", *where, "rates")
            for field in rates:
                if field not in FIELDS:
                    refuse(f"no field {field!a:.40}; there are {', '.join(FIELDS)}", *where, kind)
