"""``pocketmatte select`` and ``pocketmatte bundle``: which tier an app ships on which device."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pocketmatte.commands.proving import BundleArgument
from pocketmatte.console import Done, JsonFlag, finish, note, relative, table
from pocketmatte.selection.option_help import BUNDLE, SELECT
from tiers.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from pocketmatte.selection.front import Outcome
    from pocketmatte.selection.lock import Lock

_COLUMNS = ("devices", "network", "tier", "format", "recipe", "MB", "p95 ms", "basis")


def select_(
    bundle: BundleArgument,
    device: Annotated[str | None, typer.Option(help=SELECT["--device"])] = None,
    class_name: Annotated[str | None, typer.Option("--class", help=SELECT["--class"])] = None,
    facts: Annotated[Path | None, typer.Option(help=SELECT["--facts"])] = None,
    every: Annotated[bool, typer.Option("--all", help=SELECT["--all"])] = False,
    platform: Annotated[str | None, typer.Option(help=SELECT["--platform"])] = None,
    network: Annotated[str | None, typer.Option(help=SELECT["--network"])] = None,
    policy: Annotated[Path | None, typer.Option(help=SELECT["--policy"])] = None,
    prior: Annotated[str | None, typer.Option(help=SELECT["--prior"])] = None,
    results: Annotated[list[Path] | None, typer.Option(help=SELECT["--results"])] = None,
    budget_ms: Annotated[float | None, typer.Option(help=SELECT["--budget-ms"])] = None,
    budget_fps: Annotated[float | None, typer.Option(help=SELECT["--budget-fps"])] = None,
    memory_mb: Annotated[float | None, typer.Option(help=SELECT["--memory-mb"])] = None,
    download_mb: Annotated[float | None, typer.Option(help=SELECT["--download-mb"])] = None,
    minimum_tier: Annotated[str | None, typer.Option(help=SELECT["--minimum-tier"])] = None,
    minimum_psnr_db: Annotated[float | None, typer.Option(help=SELECT["--minimum-psnr-db"])] = None,
    process: Annotated[str | None, typer.Option(help=SELECT["--process"])] = None,
    orientation: Annotated[str | None, typer.Option(help=SELECT["--orientation"])] = None,
    prefer: Annotated[str | None, typer.Option(help=SELECT["--prefer"])] = None,
    out: Annotated[Path | None, typer.Option(help=SELECT["--out"])] = None,
    check: Annotated[Path | None, typer.Option(help=SELECT["--check"])] = None,
    explain: Annotated[bool, typer.Option("--explain", help=SELECT["--explain"])] = False,
    as_json: JsonFlag = False,
) -> None:
    """Choose the tier, format and recipe that a device gets of each network, and say why.

    Valid results of physical devices (--results) decide, those of an app before those of a shell.
    Without any the device's class decides, an estimate from its processor and memory; the lock says
    so, and that a budget in ms could not be judged. Files that verify failed, or never ran, are not
    taken. Options outrank the policy. A higher class never gets a lower tier. With --prior roofline
    a model of latencies also rules out what it estimates above the budget, by its upper end, where
    nobody measured (docs/cost-model.md); the lock calls what is taken then an estimate.

    --check exits with 1, and names what changed, where the lock is not what would be chosen now.
    Without it the exit code is 1 where a device gets nothing of a network that is not optional.
    docs/selection.md has the rules. In a Python without any library:
    python3 -m pocketmatte.selection select.

    Examples:
        pocketmatte select build/bundle --device "Galaxy S24 Ultra" --explain

        pocketmatte select build/bundle --all --policy app.toml --results runs --out tiers.lock.json

        pocketmatte select build/bundle --class t05 --budget-fps 30 --json

        pocketmatte select build/bundle --all --budget-fps 30 --prior roofline --explain

        pocketmatte select build/bundle --policy app.toml --results runs --check tiers.lock.json
    """
    from pocketmatte.selection.front import Request, run

    outcome = run(
        Request(
            bundle=bundle,
            device=device,
            class_name=class_name,
            facts=facts,
            every=every,
            platform=platform,
            networks=network,
            policy=policy,
            prior=prior,
            results=tuple(results or ()),
            options={
                "--budget-ms": budget_ms,
                "--budget-fps": budget_fps,
                "--memory-mb": memory_mb,
                "--download-mb": download_mb,
                "--minimum-tier": minimum_tier,
                "--minimum-psnr-db": minimum_psnr_db,
                "--process": process,
                "--orientation": orientation,
                "--prefer": prefer,
            },
            out=out,
            check=check,
        )
    )
    for line in (*outcome.changes, *outcome.nothing):
        note(line)
    if check is not None:
        if not outcome.changes:
            note(f"{relative(check)} is what would be chosen now")
        result = {"lock": check, "stale": bool(outcome.changes), "changes": outcome.changes}
        finish(Done(result=result, passed=outcome.passed), as_json=as_json)
        return
    _tell(outcome, out, explain=explain, as_json=as_json)


def bundle_(
    lock: Annotated[Path, typer.Argument(help=BUNDLE["lock"])],
    out: Annotated[Path, typer.Option(help=BUNDLE["--out"])],
    bundle: Annotated[Path | None, typer.Option(help=BUNDLE["--bundle"])] = None,
    platform: Annotated[str | None, typer.Option(help=BUNDLE["--platform"])] = None,
    neighbours: Annotated[int | None, typer.Option(help=BUNDLE["--neighbours"])] = None,
    as_json: JsonFlag = False,
) -> None:
    """Copy the files that a lock takes, and no other, for any build system.

    They keep their paths; beside them lie the lock and manifest.json, which says of each file what
    its tensors are. Every copy must have the hash that was chosen. Whole or not at all: where a
    file is missing, or the bundle changed since, nothing is written and the exit code is 1. A
    folder that holds anything but such files is left alone.

    With --neighbours 1 the next lower and the next higher tier that the lock lets a device have
    come along, and tiers.device.json, by which an app finds its class, calibrates, and steps down
    when it grows hot (docs/on-device.md). 0 is that file without other tiers.

    Examples:
        pocketmatte bundle tiers.lock.json --bundle build/bundle --platform android --out assets

        pocketmatte bundle app.lock.json --bundle bundle --platform apple --out matte --neighbours 1

        pocketmatte bundle build/bundle/tiers.lock.json --out build/shipped --json
    """
    from pocketmatte.selection.shipping import bundle_of, ship

    done = ship(lock, bundle_of(lock, bundle), out, neighbours, platform)
    size = f"{len(done.files)} files, {done.size_bytes / 1e6:.2f} MB"
    note(f"{relative(out)}: {size}, the lock and the manifest")
    finish(Done(result=done), as_json=as_json)


def _tell(outcome: "Outcome", out: Path | None, *, explain: bool, as_json: bool) -> None:
    from pocketmatte.selection.explaining import explained
    from pocketmatte.selection.lock import lock_text

    lock = outcome.lock
    if lock is None:
        msg = "nothing was chosen; give --device, --class, --facts or --all"
        raise UsageError(msg)
    if out is not None:
        note(f"wrote {relative(out)}")
    if explain and not as_json:
        sys.stdout.write("".join(f"{line}\n" for line in explained(lock)))
    result: Any = json.loads(lock_text(lock))
    shown = None if explain else _table(lock)
    finish(Done(result=result, table=shown, passed=outcome.passed), as_json=as_json)


def _table(lock: "Lock") -> "Table":
    cells: list[tuple[object, ...]] = []
    for group in lock.groups:
        for choice in group.choices:
            taken, where = choice.taken, f"{group.platform} {group.device_class}"
            if taken is None:
                cells.append((where, choice.network, *[None] * 5, "nothing will do"))
                continue
            size_mb = sum(file.size_bytes for file in taken.files) / 1e6
            basis = f"{taken.basis}, in a shell" if taken.weak else taken.basis
            p95_ms = taken.evidence[0].p95_ms if taken.evidence else None
            cells.append(
                (where, choice.network, taken.tier, taken.format, taken.recipe, f"{size_mb:.2f}",
                 p95_ms, basis)
            )  # fmt: skip
    return table("", _COLUMNS, cells)
