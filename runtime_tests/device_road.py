"""A bundle's ExecuTorch files on every way to a device that there is without one.

    python -m runtime_tests.device_road BUNDLE

Of each tier and recipe with a reference trace (pocketmatte trace): the native runner on this
machine, the runner for 64-bit Arm on three emulated processors, and the same over the real adb
client to a device server on loopback. Prints a table; exits with 1 if any run is not ok, or if the
emulated processors do not agree on the bits of w8a8 files.
"""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pocketmatte.bundle import read_bundle
from pocketmatte.commands.on_android import benched_on
from pocketmatte.console import progress, stdout, table
from pocketmatte.devices_adb.adb import Patience
from pocketmatte.devices_adb.cargo import Asked, bundle_pieces, runs_of
from pocketmatte.devices_adb.native import NativeMode
from pocketmatte.devices_adb.session import Order
from pocketmatte.harness.reading import read_result
from pocketmatte.harness.result import Result
from pocketmatte.native.emulation import CPUS
from pocketmatte.native.runs import SHORT, Subject, emulated_run, host_run, traced
from pocketmatte.runtimes.arm64 import ARM_RUNNER, OWN_RUNNER
from tests.adb.isolated import isolated_adb
from tests.adb.scenario import connected
from tiers.errors import PocketMatteError

ADB = "adb"
WAYS = ("host", *CPUS, ADB)
_PATIENCE = Patience(step_s=120, run_s=1800, attempts=3, first_delay_s=0.1, longest_delay_s=1)


def result_of(subject: Subject, way: str) -> Result:
    """Return the result of one way."""
    if way == "host":
        return host_run(OWN_RUNNER, subject)
    return over_adb(subject) if way == ADB else emulated_run(ARM_RUNNER, CPUS[way], subject)


def over_adb(subject: Subject) -> Result:
    """Take it to the device server by the real adb client, as ``bench-android`` does."""
    manifest = read_bundle(subject.bundle)
    asked = Asked(
        networks=(subject.network,), tiers=(subject.tier,), recipes=(subject.recipe,),
        orientation="portrait" if subject.orientation == "portrait" else "landscape",
    )  # fmt: skip
    runs = runs_of(subject.bundle, manifest, asked, "road")
    with tempfile.TemporaryDirectory() as scratch, connected(Path(scratch, "device")) as device:
        properties = device.settings / "getprop.txt"
        properties.write_text(properties.read_text() + "[ro.kernel.qemu]: [1]\n")
        order = Order(
            name="road", runs=runs, bundle_pieces=bundle_pieces(subject.bundle, runs),
            kept_in=Path(scratch, "results"), resume=False,
        )  # fmt: skip
        mode = NativeMode(ARM_RUNNER, SHORT, threads=1)
        done = benched_on(order, mode, None, [device.serial], _PATIENCE, every=False)
        (outcome,) = done.result["results"]
        if outcome.path is None:
            raise PocketMatteError(outcome.error)
        return read_result(outcome.path)


def worst(results: Mapping[str, Result]) -> float | None:
    """Return the smallest PSNR of what people see, over all ways; ``None`` where all are equal."""
    decibels = [
        output.psnr_db
        for result in results.values()
        if result.parity
        for output in result.parity.outputs
        if output.psnr_db is not None
    ]
    return min(decibels, default=None)


def apart(subject: Subject, results: Mapping[str, Result]) -> str | None:
    """Return what is wrong with the bits of integers, or ``None``."""
    digests = {name: r.parity.sha256 for name, r in results.items() if name in CPUS and r.parity}
    if subject.recipe != "w8a8" or len(set(digests.values())) < 2:
        return None
    return f"{subject.network} {subject.tier}: the bits differ between {', '.join(digests)}"


def main(arguments: list[str]) -> int:
    """Go every way and print what came of it."""
    if len(arguments) != 1:
        sys.stderr.write("python -m runtime_tests.device_road BUNDLE\n")
        return 2
    root = Path(arguments[0])
    faults: list[str] = []
    rows = []
    try:
        todo = traced(root, read_bundle(root))
        if not todo:
            sys.stderr.write(f"{root} has no traces; record them with: pocketmatte trace {root}\n")
            return 2
        with (
            tempfile.TemporaryDirectory() as home,
            isolated_adb(Path(home)),
            progress(len(todo) * len(WAYS), "running") as advance,
        ):
            for subject in todo:
                name = f"{subject.network} {subject.tier} {subject.recipe}"
                results = {}
                for way in WAYS:
                    advance(f"{name} {way}")
                    try:
                        results[way] = result = result_of(subject, way)
                    except PocketMatteError as error:
                        faults.append(f"{name} {way}: {error}")
                        continue
                    if result.status != "ok":
                        faults.append(f"{name} {way}: {result.status} {' '.join(result.errors)}")
                if fault := apart(subject, results):
                    faults.append(fault)
                rows.append(row(name, results))
    except (PocketMatteError, FileNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    counted = [f"{name}, M" for name in CPUS]
    stdout.print(
        table("instructions of a frame, no latency", ("files", *WAYS, "worst dB", *counted), rows)
    )
    sys.stderr.writelines(f"failed: {fault}\n" for fault in faults)
    sys.stderr.write(f"{len(rows)} sets of files on {len(WAYS)} ways, {len(faults)} failed\n")
    return 1 if faults else 0


def row(name: str, results: Mapping[str, Result]) -> tuple[str, ...]:
    """Return a line of the table."""
    decibels = worst(results)
    counts = [results[way].instructions_per_frame if way in results else None for way in CPUS]
    return (
        name,
        *(results[way].status if way in results else "no result" for way in WAYS),
        "equal" if decibels is None else f"{decibels:.1f}",
        *("-" if count is None else f"{count / 1e6:.2f}" for count in counts),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
