"""``pocketmatte bench-ios``: what a bundle's Core ML files do on an iPhone or iPad."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pocketmatte.commands.device_runs import asked_of, plan_of, require_seconds, told
from pocketmatte.console import JsonFlag, finish, progress
from tiers.errors import UsageError

if TYPE_CHECKING:
    from pocketmatte.devices_apple.link import AppleLink

_APP = "dev.pocketmatte.harness"
_UNITS = ("cpu", "gpu", "neural_engine")


def bench_ios_(
    bundle: Annotated[Path, typer.Argument(help="Folder that pocketmatte build wrote.")],
    app: Annotated[str, typer.Option(help="Identifier of the app, installed already.")] = _APP,
    device: Annotated[
        str | None,
        typer.Option(help="A device, as xcrun devicectl (with --simulator, simctl) lists it."),
    ] = None,
    simulator: Annotated[
        bool, typer.Option("--simulator", help="Run in a booted simulator, not on a phone.")
    ] = False,
    compute_units: Annotated[str, typer.Option(help=f"{', '.join(_UNITS)}.")] = "neural_engine",
    network_names: Annotated[
        str, typer.Option("--network", help="Networks, comma-separated, or all.")
    ] = "all",
    tier_names: Annotated[
        str, typer.Option("--tier", help="Tiers, comma-separated, or all.")
    ] = "all",
    recipe_names: Annotated[
        str, typer.Option("--recipe", help="Recipes, comma-separated, or all.")
    ] = "all",
    warmups: Annotated[int, typer.Option(help="Frames before the first sample.")] = 10,
    runs: Annotated[int, typer.Option(help="Samples, at least.")] = 50,
    seconds: Annotated[float, typer.Option(help="Time for samples, at least.")] = 5.0,
    limit_seconds: Annotated[float, typer.Option(help="Time for samples, at most.")] = 120.0,
    fps: Annotated[
        float | None, typer.Option(help="Camera's rate of a sustained run; none if not given.")
    ] = None,
    sustained_seconds: Annotated[float, typer.Option(help="Length of a sustained run.")] = 20.0,
    timeout: Annotated[float, typer.Option(help="Seconds for one run, in all.")] = 1800.0,
    as_json: JsonFlag = False,
) -> None:
    """Run the Core ML files of a bundle in the app of ios_harness and keep what comes back.

    The bundle is copied into the app's Documents, the app is launched once for each run, and its
    result copied out to results/ios of the bundle, by device; no identifier is written. Only the
    landscape files are run. Exits with 1 unless every result is ok or fallback. Needs a Mac.

    With --simulator the app runs in a booted simulator: that shows that it works, and its times,
    which say nothing of a phone, never count.

    Examples:
        pocketmatte bench-ios build/bundle --tier t04 --recipe fp16

        pocketmatte bench-ios build/bundle --compute-units cpu --fps 30

        pocketmatte bench-ios build/bundle --simulator --compute-units cpu
    """
    from pocketmatte.bundle import read_bundle
    from pocketmatte.devices_adb.cargo import runs_of
    from pocketmatte.devices_apple.devicectl import DeviceLink, apple_devices, choose_apple_device
    from pocketmatte.devices_apple.session import FORMAT, AppleSession
    from pocketmatte.devices_apple.simctl import choose_simulator

    if compute_units not in _UNITS:
        msg = f"--compute-units is {compute_units}; there are {', '.join(_UNITS)}"
        raise UsageError(msg)
    require_seconds("--timeout", timeout)
    plan = plan_of(warmups, runs, seconds, limit_seconds, fps, sustained_seconds)
    manifest = read_bundle(bundle)
    asked = asked_of(manifest, network_names, tier_names, recipe_names, FORMAT)
    name = f"{dt.datetime.now(tz=dt.UTC):%Y%m%dT%H%M%SZ}"
    made = runs_of(bundle, manifest, asked, name)
    link: AppleLink
    if simulator:
        link = choose_simulator(app, device)
    else:
        link = DeviceLink(choose_apple_device(apple_devices(), device), app)
    kept_in = bundle / "results" / "ios"
    session = AppleSession(link, compute_units, plan, kept_in, timeout)
    with progress(len(made), "running") as advance:
        outcomes = session.measure(bundle, made, advance)
    finish(told(name, outcomes, kept_in), as_json=as_json)
