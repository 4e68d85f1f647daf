"""Run a bundle on a device with one fault, and count what was written and what was lost."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pocketmatte.bundle import read_bundle
from pocketmatte.commands.on_android import benched_on
from pocketmatte.devices_adb.adb import Patience
from pocketmatte.devices_adb.app import AppMode
from pocketmatte.devices_adb.cargo import Asked, bundle_pieces, runs_of
from pocketmatte.devices_adb.native import NativeMode
from pocketmatte.devices_adb.outcome import Outcome
from pocketmatte.devices_adb.session import Mode, Order
from pocketmatte.harness.result import Plan
from tests.adb.device_server import FEATURES, Device
from tests.adb.fault_menu import Fault
from tests.adb.isolated import quietly
from tests.adb.small_bundle import RECIPES, write_bundle, write_runner

PLAN = Plan(
    warmups=1, runs=1, seconds=0.0, limit_seconds=1.0, frames_per_second=None, sustained_seconds=0.0
)
APP = "com.example.app"
NAME = "a-run"


@contextmanager
def connected(folder: Path, features: str = FEATURES) -> Iterator[Device]:
    """Give a device that adb is connected to."""
    device = Device(folder, features)
    try:
        quietly("adb", "connect", device.serial)
        yield device
    finally:
        quietly("adb", "disconnect", device.serial)
        device.close()


def order(bundle: Path, *, resume: bool = False) -> Order:
    asked = Asked(networks=("rvm",), tiers=("t01",), recipes=RECIPES, orientation="landscape")
    runs = runs_of(bundle, read_bundle(bundle), asked, NAME)
    return Order(
        name=NAME,
        runs=runs,
        bundle_pieces=bundle_pieces(bundle, runs),
        kept_in=bundle / "results" / "android",
        resume=resume,
    )


def native(runner: Path) -> NativeMode:
    return NativeMode(runner, PLAN, threads=1)


def hasty(run_s: float = 60.0, step_s: float = 20.0) -> Patience:
    return Patience(step_s=step_s, run_s=run_s, attempts=3, first_delay_s=0.02, longest_delay_s=0.1)


@dataclasses.dataclass(frozen=True)
class Came:
    """What came of a fault.

    Attributes:
        outcomes: Of all runs.
        struck: How often the fault did.
        written: Results that were written on the device.
        kept: Those that lie in the bundle as results.
        lost: Those that are neither here, be it as refused ones, nor on the device.
        left: What lies on the device in the end.
        serial: Of the device.
    """

    outcomes: list[Outcome]
    struck: int
    written: list[str]
    kept: list[dict[str, Any]]
    lost: list[str]
    left: list[str]
    serial: str


def benched(
    asked: Order, mode: Mode, device: Device, patience: Patience | None = None
) -> list[Outcome]:
    """Run an order on one device."""
    done = benched_on(asked, mode, None, [device.serial], patience or hasty(), every=False)
    outcomes: list[Outcome] = done.result["results"]
    return outcomes


def run_fault(fault: Fault, folder: Path) -> Came:
    """Run with the fault, and again without where it passes."""
    bundle = write_bundle(folder / "bundle")
    with connected(folder / "device") as device:
        fault.arrange(device)
        if device.features != FEATURES:
            quietly("adb", "disconnect", device.serial)
            quietly("adb", "connect", device.serial)
        hangs = device.faults.hangs_on is not None
        patience = hasty(run_s=fault.run_s, step_s=0.5 if hangs else 20.0)

        def once(*, resume: bool) -> list[Outcome]:
            mode: Mode = native(write_runner(folder / f"runner{resume}"))
            if fault.app:
                apk = folder / "app.apk"
                apk.write_bytes(b"an app")
                mode = AppMode(APP, f"{APP}.test/x.Runner", [apk], PLAN, threads=1)
            return benched(order(bundle, resume=resume), mode, device, patience)

        if fault.host:
            (bundle / "results").touch()
        outcomes = once(resume=False)
        if fault.host:
            (bundle / "results").unlink()
        elif fault.resume:
            device.within_reach()
            quietly("adb", "disconnect", device.serial)
            quietly("adb", "connect", device.serial)
        if fault.resume:
            outcomes = [*outcomes, *once(resume=True)]
        return _came(bundle, device, outcomes, fault)


def _came(bundle: Path, device: Device, outcomes: list[Outcome], fault: Fault) -> Came:
    log = device.settings / "written"
    written = log.read_text().split() if log.exists() else []
    return Came(
        outcomes=outcomes,
        struck=device.faults.struck or fault.constant,
        written=written,
        kept=[json.loads(path.read_text()) for path in (bundle / "results").rglob("a-run-*.json")],
        lost=lost(written, bundle, device.root),
        left=device.left(),
        serial=device.serial,
    )


def lost(written: list[str], bundle: Path, device_root: Path) -> list[str]:
    """Return which results are neither kept, be it as refused ones, nor on the device still."""
    here = {path.stem for path in (bundle / "results").rglob("*") if path.is_file()}
    there = {path.stem for path in device_root.rglob("results/*.json")}
    return sorted(set(written) - here - there)
