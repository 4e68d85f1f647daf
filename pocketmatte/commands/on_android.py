"""``pocketmatte bench-android``: what a bundle does on Android devices."""

import datetime as dt
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pocketmatte.commands.device_runs import asked_of, plan_of, require_seconds, told
from pocketmatte.console import Done, JsonFlag, finish, note, progress, require_at_least
from tiers.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from export.manifest import Manifest
    from pocketmatte.devices_adb.adb import Patience
    from pocketmatte.devices_adb.cargo import Asked
    from pocketmatte.devices_adb.session import Mode, Order
    from pocketmatte.harness.result import Plan

_NAME = re.compile(r"[0-9A-Za-z._-]{1,40}")
_KEPT_IN = "results/android"
_ANDROIDX = "androidx.test.runner.AndroidJUnitRunner"


def bench_android_(
    bundle: Annotated[Path, typer.Argument(help="Folder that pocketmatte build wrote.")],
    runner: Annotated[
        Path | None, typer.Option(help="Folder of the native runner, built for the device.")
    ] = None,
    app: Annotated[
        str | None, typer.Option(help="Package of an app to run in place of the runner.")
    ] = None,
    apk: Annotated[
        list[Path] | None, typer.Option(help="A file of the app to install first; repeatable.")
    ] = None,
    instrumentation: Annotated[
        str | None, typer.Option(help="PACKAGE/CLASS; that of androidx.test if not given.")
    ] = None,
    serial: Annotated[
        list[str] | None, typer.Option(help="A device, as adb devices lists it; repeatable.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All devices that are connected.")] = False,
    network_names: Annotated[
        str, typer.Option("--network", help="Networks, comma-separated, or all.")
    ] = "all",
    tier_names: Annotated[
        str, typer.Option("--tier", help="Tiers, comma-separated, or all.")
    ] = "all",
    recipe_names: Annotated[
        str, typer.Option("--recipe", help="Recipes, comma-separated, or all.")
    ] = "all",
    portrait: Annotated[bool, typer.Option("--portrait", help="The upright files.")] = False,
    threads: Annotated[int, typer.Option(help="Threads of the runtime.")] = 1,
    warmups: Annotated[int, typer.Option(help="Frames before the first sample.")] = 10,
    runs: Annotated[int, typer.Option(help="Samples, at least.")] = 50,
    seconds: Annotated[float, typer.Option(help="Time for samples, at least.")] = 5.0,
    limit_seconds: Annotated[float, typer.Option(help="Time for samples, at most.")] = 120.0,
    fps: Annotated[
        float | None, typer.Option(help="Camera's rate of a sustained run; none if not given.")
    ] = None,
    sustained_seconds: Annotated[float, typer.Option(help="Length of a sustained run.")] = 20.0,
    timeout: Annotated[float, typer.Option(help="Seconds for one run, in all.")] = 1800.0,
    attempts: Annotated[
        int, typer.Option(help="How often a broken connection is tried, in all.")
    ] = 5,
    resume: Annotated[
        str | None, typer.Option(help="Go on with the run of this name, left on the device.")
    ] = None,
    adb: Annotated[
        Path | None, typer.Option(help="The adb program; of ANDROID_HOME or PATH if not given.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Run the ExecuTorch files of a bundle on Android devices and keep what comes back.

    Every file is checked against the manifest on the device, replayed against its trace, timed,
    and its memory measured in a pass of its own. What is pushed lies in
    /data/local/tmp/pocketmatte and is removed again. A run outlives a broken connection: --resume
    fetches its result. Results are kept in results/android of the bundle, by device; no serial
    number is written. Exits with 1 unless every result is ok or fallback.

    Examples:
        pocketmatte bench-android build/bundle --runner build/native/linux-aarch64 --tier t01,t04

        pocketmatte bench-android build/bundle --runner build/native/linux-aarch64 --fps 30 --all

        pocketmatte bench-android build/bundle --app org.example.matting --apk app-debug.apk
    """
    from pocketmatte.bundle import read_bundle
    from pocketmatte.devices_adb.adb import Patience
    from pocketmatte.devices_adb.cargo import ANDROID_FORMAT

    require_at_least("--threads", threads)
    require_at_least("--attempts", attempts)
    require_seconds("--timeout", timeout)
    plan = plan_of(warmups, runs, seconds, limit_seconds, fps, sustained_seconds)
    mode = _mode(runner, app, apk or [], instrumentation, plan, threads)
    manifest = read_bundle(bundle)
    asked = asked_of(
        manifest, network_names, tier_names, recipe_names, ANDROID_FORMAT,
        "portrait" if portrait else "landscape",
    )  # fmt: skip
    order = _order(bundle, manifest, asked, resume)
    patience = Patience(run_s=timeout, attempts=attempts)
    finish(benched_on(order, mode, adb, serial or [], patience, every=every), as_json=as_json)


def benched_on(
    order: "Order",
    mode: "Mode",
    adb: Path | None,
    serials: "Sequence[str]",
    patience: "Patience",
    *,
    every: bool,
) -> Done:
    """Run with a bar, keep the results, and say what was found."""
    from pocketmatte.devices_adb.adb import Adb, find_adb
    from pocketmatte.devices_adb.fleet import measure_all
    from pocketmatte.devices_adb.listing import choose_devices, listed
    from pocketmatte.devices_adb.session import Session

    program = find_adb(adb)
    stop = threading.Event()
    devices = choose_devices(listed(Adb(program, None, patience, stop)), serials, every=every)
    with progress(len(devices) * len(order.runs), "running") as advance:
        sessions = [
            Session(Adb(program, each.serial, patience, stop), each.key, mode, order, advance, note)
            for each in devices
        ]
        outcomes = measure_all(sessions, stop)
    return told(order.name, outcomes, order.kept_in)


def _mode(
    runner: Path | None,
    app: str | None,
    apks: "Sequence[Path]",
    instrumentation: str | None,
    plan: "Plan",
    threads: int,
) -> "Mode":
    from pocketmatte.devices_adb.app import AppMode
    from pocketmatte.devices_adb.native import NativeMode

    if (runner is None) == (app is None):
        msg = "give --runner, the folder of the native runner, or --app, the package of an app"
        raise UsageError(msg)
    if runner is not None:
        if apks or instrumentation:
            msg = "--apk and --instrumentation are of an app; give --app with them"
            raise UsageError(msg)
        return NativeMode(runner, plan, threads)
    if app is None or not re.fullmatch(r"\w+(\.\w+)+", app):
        msg = f"--app is {app}; it is the name of a package, such as org.example.matting"
        raise UsageError(msg)
    for apk in apks:
        if not apk.is_file():
            msg = f"--apk {apk} is no file"
            raise UsageError(msg)
    for number, apk in enumerate(apks):
        if apk.name in [other.name for other in apks[:number]]:
            msg = (
                f"--apk {apk} is the second {apk.name}, and all go into one folder of the device; "
                "give each file once, under a name of its own"
            )
            raise UsageError(msg)
    component = instrumentation or f"{app}.test/{_ANDROIDX}"
    if not re.fullmatch(r"[\w.]+/[\w.$]+", component):
        msg = f"--instrumentation is {component}; it is PACKAGE/CLASS"
        raise UsageError(msg)
    return AppMode(app, component, apks, plan, threads)


def _order(bundle: Path, manifest: "Manifest", asked: "Asked", resume: str | None) -> "Order":
    from pocketmatte.devices_adb.cargo import bundle_pieces, runs_of
    from pocketmatte.devices_adb.session import Order

    if resume is not None and not _NAME.fullmatch(resume):
        msg = f"--resume is {resume!r}; give the name that the run before printed"
        raise UsageError(msg)
    now = dt.datetime.now(tz=dt.UTC)
    name = resume or f"{now:%Y%m%dT%H%M%SZ}"
    runs = runs_of(bundle, manifest, asked, name)
    return Order(
        name=name,
        runs=runs,
        bundle_pieces=bundle_pieces(bundle, runs),
        kept_in=bundle / _KEPT_IN,
        resume=resume is not None,
    )
