"""What the commands that run bundles on devices share: plan, what is asked for, what came of it."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pocketmatte.console import Done, chosen, note, relative, table
from tiers.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from export.manifest import Manifest
    from pocketmatte.devices_adb.cargo import Asked
    from pocketmatte.devices_adb.outcome import Outcome
    from pocketmatte.harness.result import Plan

_COLUMNS = ("device", "network", "tier", "recipe", "status", "p50 ms", "p95 ms", "MB", "worst dB")
# What the native runner takes, of numbers and of seconds and frames a second that may not be 0.
_MOST = 1_000_000_000
_LEAST = 0.1


def plan_of(
    warmups: int,
    runs: int,
    seconds: float,
    limit_seconds: float,
    fps: float | None,
    sustained_seconds: float,
) -> "Plan":
    """Return the plan that options ask for.

    Raises:
        UsageError: If a number is out of range.
    """
    from pocketmatte.harness.result import Plan

    _require_within("--warmups", warmups, 1)
    _require_within("--runs", runs, 1)
    _require_within("--seconds", seconds, 0)
    _require_within("--limit-seconds", limit_seconds, _LEAST)
    _require_within("--sustained-seconds", sustained_seconds, _LEAST)
    if fps is not None:
        _require_within("--fps", fps, _LEAST)
    return Plan(
        warmups=warmups,
        runs=runs,
        seconds=seconds,
        limit_seconds=limit_seconds,
        frames_per_second=fps,
        sustained_seconds=sustained_seconds if fps is not None else 0.0,
    )


def _require_within(option: str, amount: float, least: float) -> None:
    if not least <= amount <= _MOST:
        msg = f"{option} is {amount}; it must be {least} to {_MOST}"
        raise UsageError(msg)


def require_seconds(option: str, amount: float) -> None:
    """Refuse an amount that is not above 0, or has no end.

    Raises:
        UsageError: With the option's name and the amount.
    """
    if not (amount > 0 and math.isfinite(amount)):
        msg = f"{option} is {amount}; it must be above 0"
        raise UsageError(msg)


def asked_of(
    manifest: "Manifest",
    networks: str,
    tiers: str,
    recipes: str,
    form: str,
    orientation: Literal["landscape", "portrait"] = "landscape",
) -> "Asked":
    """Return what options ask for of a bundle's files in one format.

    Raises:
        UsageError: If the bundle has none of what is named.
    """
    from pocketmatte.devices_adb.cargo import Asked

    def named(text: str, what: str) -> tuple[str, ...]:
        return chosen(text, _there_of(manifest, what, form), f"{what} of this bundle")

    return Asked(
        networks=named(networks, "network"),
        tiers=named(tiers, "tier"),
        recipes=named(recipes, "recipe"),
        orientation=orientation,
        format=form,
    )


def _there_of(manifest: "Manifest", what: str, form: str) -> list[str]:
    """Return the networks, tiers or recipes that a bundle has files of in one format.

    Raises:
        UsageError: If it has none.
    """
    entries = [entry for entry in manifest.artifacts if entry.format == form]
    if not entries:
        msg = f"the bundle holds no {form} file; build it with --format {form}"
        raise UsageError(msg)
    return sorted({getattr(entry, what) for entry in entries})


def told(name: str, outcomes: "Sequence[Outcome]", kept_in: Path) -> Done:
    """Say what came of all runs."""
    for outcome in outcomes:
        if outcome.error:
            note(f"failed: {outcome.run_id} on device {outcome.device}: {outcome.error}")
    good = sum(outcome.good for outcome in outcomes)
    note(f"{good} of {len(outcomes)} results good; kept in {relative(kept_in)}")
    result = {"run": name, "results": outcomes}
    return Done(result=result, table=_table(outcomes), passed=good == len(outcomes))


def _table(outcomes: "Sequence[Outcome]") -> "Table":
    def shown(value: float | None, scale: float = 1.0) -> str | None:
        return None if value is None else f"{value / scale:.2f}"

    cells = [
        (
            f"{o.model or 'device'} {o.device[:6]}", o.network, o.tier, o.recipe, o.status,
            shown(o.p50_ms), shown(o.p95_ms), shown(o.peak_bytes, 1e6), shown(o.worst_db),
        )
        for o in outcomes
    ]  # fmt: skip
    return table("", _COLUMNS, cells)
