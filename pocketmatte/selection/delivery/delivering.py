"""What ``pocketmatte deliver`` does, for the command line and for a bare Python alike."""

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from pocketmatte.selection import front
from pocketmatte.selection.delivered_manifest import delivered_manifest
from pocketmatte.selection.delivery import ai_packs, app_assets, background_assets
from pocketmatte.selection.delivery.beside import Beside, beside
from pocketmatte.selection.delivery.planning import Planned, Sources, made
from pocketmatte.selection.delivery.writing import Written, differences, record_of, write
from pocketmatte.selection.devices import table_sha256
from pocketmatte.selection.held import MANIFEST
from pocketmatte.selection.json_files import read_bytes
from pocketmatte.selection.lock import Lock, read_lock
from pocketmatte.selection.rows import Platform
from pocketmatte.selection.shapes import printable, shown
from pocketmatte.selection.shipping import bundle_of, check_fresh
from tiers.errors import BundleError, UsageError

LAYOUTS = ("assets", "ai-packs", "background-assets")
AI_DELIVERIES = ("install-time", "fast-follow", "on-demand")
APPLE_DELIVERIES = ("essential", "prefetch", "on-demand")
PACK_PREFIX = "pocketmatte"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What a command was given.

    Attributes:
        lock: The lock.
        out: The folder that is written.
        layout: One of ``LAYOUTS``.
        bundle: Its folder; that of the lock where ``None``.
        platform: See ``app_assets.platforms_of``; of the layout ``assets`` alone.
        delivery: When packs are brought; ``None`` for ``install-time`` of Play, ``on-demand`` of
            Apple.
        pack_prefix: Of the ids of Apple's packs; ``None`` for ``pocketmatte``.
        neighbours: How many tiers to carry on each side of what is taken, with
            ``tiers.device.json``; ``None`` for neither. Packs hold what is taken alone: 0 is that
            file for them.
        policy, networks, results: By which the lock is chosen again; see ``front.Request``.
        frozen: Whether it is not chosen again.
        check: Whether nothing is written, and all that is not as it should be is said.
    """

    lock: Path
    out: Path
    layout: str
    bundle: Path | None = None
    platform: str | None = None
    delivery: str | None = None
    pack_prefix: str | None = None
    neighbours: int | None = None
    policy: Path | None = None
    networks: str | None = None
    results: tuple[Path, ...] = ()
    frozen: bool = False
    check: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        done: What was written; ``None`` of a check.
        reasons: Why a check failed, in lines.
    """

    done: Written | None
    reasons: tuple[str, ...] = ()


def deliver(request: Request) -> Outcome:
    """Write what a lock takes as an app takes it in, or check that it is there.

    Raises:
        UsageError: If options do not fit together, or the folder holds anything else.
        BundleError: If the lock is stale, a file is missing or changed, or the disk refuses.
    """
    _check_options(request)
    lock, text = read_lock(request.lock), read_bytes(request.lock, "lock", "select again")
    root = bundle_of(request.lock, request.bundle)
    stale = _stale(request, lock, root)
    if stale and request.check:
        told = printable(f"{request.lock} is stale; {_mend(request, stale)}")
        return Outcome(done=None, reasons=(*stale, told))
    if stale:
        more = f", and {len(stale) - 1} more" if len(stale) > 1 else ""
        msg = f"{request.lock} is stale: {stale[0]}{more}; {_mend(request, stale)}"
        raise BundleError(msg)
    check_fresh(request.lock, lock, root)
    sha256 = hashlib.sha256(text).hexdigest()
    plan = _plan(request, lock, text, root, sha256)
    record = record_of(plan, request.layout, sha256)
    if request.check:
        reasons = differences(plan, record, request.out)
        return Outcome(done=None, reasons=tuple(printable(each) for each in reasons))
    return Outcome(done=write(plan, record, request.out, root))


def _plan(request: Request, lock: Lock, text: bytes, root: Path, sha256: str) -> list[Planned]:
    """Return all files but the record; what is said of files lies where an app always has it."""
    sources = Sources(root)

    def carried(platforms: Sequence[Platform], folder: str) -> Beside:
        return beside(lock, request.lock, sha256, root, request.neighbours, platforms, folder)

    if request.layout == "ai-packs":
        given = cast("ai_packs.Delivery", request.delivery or "install-time")
        plan, folder = ai_packs.plan(lock, text, sources, given), ai_packs.APP
        plan += carried(("android",), folder).device_file
    elif request.layout == "background-assets":
        download = cast("background_assets.Download", request.delivery or "on-demand")
        prefix = PACK_PREFIX if request.pack_prefix is None else request.pack_prefix
        plan = background_assets.plan(lock, text, sources, download, prefix)
        folder = background_assets.APP
        plan += carried(background_assets.APPLE, folder).device_file
    else:
        platforms = app_assets.platforms_of(lock, request.platform)
        plan = app_assets.plan(lock, text, sources, platforms, carried(platforms, ""))
        folder = ""
    manifest = delivered_manifest(root, lock.inputs.manifest_sha256, sources.paths)
    return [*plan, made(f"{folder}/{MANIFEST}" if folder else MANIFEST, manifest)]


def _stale(request: Request, lock: Lock, root: Path) -> tuple[str, ...]:
    """Return what a lock does not hold any more."""
    if request.frozen:
        now = table_sha256()
        if lock.inputs.devices_sha256 == now:
            return ()
        was = lock.inputs.devices_sha256[:12]
        return (f"the device table changed: {was} before, {now[:12]} now",)
    again = front.Request(
        bundle=root, policy=request.policy, networks=request.networks, results=request.results,
        check=request.lock,
    )  # fmt: skip
    return tuple(front.run(again).changes)


def _mend(request: Request, stale: Sequence[str]) -> str:
    """Return what to do about a stale lock: an option that was left out is the likely reason."""
    again = "run pocketmatte select again"
    signs = (
        ("--policy", request.policy, "policy: |the model of latencies changed"),
        ("--network", request.networks, "policy: [^ ]+ is (new|left out now)$"),
        ("--results", request.results, "result .* is gone"),
    )
    options = [
        option
        for option, given, sign in signs
        if not given and any(re.match(sign, each) for each in stale)
    ]
    if not options:
        return again
    *before, last = options
    listed = f"{', '.join(before)} and {last}" if before else last
    return f"give {listed} as select had {'them' if before else 'it'}, or {again}"


def _check_options(request: Request) -> None:
    if request.layout not in LAYOUTS:
        msg = f"no layout {shown(request.layout)}; there are {', '.join(LAYOUTS)}"
        raise UsageError(msg)
    known = {"ai-packs": AI_DELIVERIES, "background-assets": APPLE_DELIVERIES}
    deliveries = known.get(request.layout, ())
    if request.delivery is not None and request.delivery not in deliveries:
        ways = f"there are {', '.join(deliveries)}" if deliveries else "leave it out"
        msg = f"--delivery is {shown(request.delivery)} with --layout {request.layout}; {ways}"
        raise UsageError(msg)
    if request.platform is not None and request.layout != "assets":
        msg = f"--platform is given with --layout {request.layout}, which has its own; leave it out"
        raise UsageError(msg)
    if request.pack_prefix is not None and request.layout != "background-assets":
        msg = f"--pack-prefix is given with --layout {request.layout}, which has none; leave it out"
        raise UsageError(msg)
    if request.neighbours and request.layout != "assets":
        msg = (
            f"--neighbours is {request.neighbours} with --layout {request.layout}, whose packs "
            "hold what is taken alone; give 0 or leave it out"
        )
        raise UsageError(msg)
    chosen_by = (request.policy, request.networks, *request.results)
    if request.frozen and any(each is not None for each in chosen_by):
        msg = "--frozen takes the lock as it is; leave --policy, --network and --results out"
        raise UsageError(msg)
