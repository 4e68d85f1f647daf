"""Read results of devices as runs; what says two things at once is refused."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from pocketmatte.harness.choice import Measured
from pocketmatte.selection.device_result import FLAGS, DeviceResult, contradiction
from pocketmatte.selection.facts import Facts
from pocketmatte.selection.json_files import json_value, read_bytes
from pocketmatte.selection.lookup import Found, find
from pocketmatte.selection.rows import PLATFORMS
from pocketmatte.selection.runs import Run
from pocketmatte.selection.shapes import MisfitError, parsed, printable
from tiers.errors import BundleError, UsageError

_SUFFIX = ".json"
_INDEX = "results-index.json"  # of a store of results; it follows from them
_LONGEST_NAME = 120
_WAY_OUT = "run it again, or leave it out of --results"


def read_runs(paths: Iterable[Path]) -> tuple[Run, ...]:
    """Read results, in the order of their hashes; the same bytes count once.

    Args:
        paths: Files, and folders whose ``.json`` files are all results, at any depth, but for the
            index of a store of results and for what begins with a dot.

    Raises:
        BundleError: If a file is missing or no result, says two things at once, or says of its
            device what no device can say.
        UsageError: If a folder holds no result.
    """
    runs = {run.sha256: run for path in paths for run in _runs_of(path)}
    return tuple(runs[key] for key in sorted(runs))


def _runs_of(path: Path) -> Iterator[Run]:
    if not path.is_dir():
        # a build system may list a store file by file, its .lock too
        if path.name != _INDEX and not path.name.startswith("."):
            yield read_run(path)
        return
    # what begins with a dot is not finished
    found = sorted(
        each
        for each in path.rglob(f"*{_SUFFIX}")
        if each.name != _INDEX
        and not any(part.startswith(".") for part in each.relative_to(path).parts)
    )
    if not found:
        msg = f"{path} holds no {_SUFFIX} file; give results that pocketmatte bench-android wrote"
        raise UsageError(msg)
    yield from map(read_run, found)


def read_run(path: Path) -> Run:
    """Read one result; see ``read_runs``."""
    return run_from(read_bytes(path, "result", _WAY_OUT), str(path))


def run_from(data: bytes, name: str) -> Run:
    """Return what the bytes of a result say; see ``read_runs``.

    Args:
        data: JSON.
        name: What messages call it.
    """
    try:
        result = parsed(json_value(data), DeviceResult, closed=False)
        return run_of(result, hashlib.sha256(data).hexdigest())
    except MisfitError as error:
        msg = f"{name} is no result: {error}; {_WAY_OUT}"
        raise BundleError(msg) from error
    except BundleError as error:
        msg = f"{name} {error}; {_WAY_OUT}"
        raise BundleError(msg) from error


def run_of(result: DeviceResult, sha256: str) -> Run:
    """Return what a result says, with the class of its device.

    Raises:
        BundleError: If it contradicts itself, or says of its device what no device can say.
    """
    if wrong := contradiction(result):
        msg = f"contradicts itself: {wrong}"
        raise BundleError(msg)
    found = _device_of(result)
    frames = next((each.ms for each in result.latency if each.what == "frame"), None)
    p95 = result.sustained.ms if result.sustained is not None else frames
    names = [result.device.manufacturer, result.device.model, result.device.soc]
    called = printable(" ".join(name for name in names if name))[:_LONGEST_NAME]
    platform = found.device.platform if found and found.device else result.device.platform
    return Run(
        run_id=result.run_id,
        started_at=result.started_at,
        network=result.subject.network,
        orientation=result.subject.orientation,
        sha256=sha256,
        platform=platform if found else None,
        device=found.device.name if found and found.device else called or "unknown",
        device_class=found.device_class if found else None,
        delegate_requested=result.execution.delegate_requested,
        delegate_actual=result.execution.delegate_actual,
        files=_hashes(result),
        p50_ms=frames.p50 if frames else None,
        measured=Measured(
            run_id=sha256,
            tier=result.subject.tier,
            format=result.subject.format,
            recipe=result.subject.recipe,
            status=result.status,
            process=result.execution.process,
            physical_device=result.validity.physical_device,
            latency_valid=result.validity.latency_valid,
            flags={name: getattr(result.validity, name) for name in FLAGS},
            p95_ms=p95.p95 if p95 else None,
            peak_bytes=result.memory.peak_bytes if result.memory else None,
        ),
    )


def _hashes(result: DeviceResult) -> dict[str, str]:
    found = {each.program: each.sha256 for each in result.subject.files}
    if len(found) < len(result.subject.files):
        msg = "contradicts itself: it names two files of one program"
        raise BundleError(msg)
    return found


def _device_of(result: DeviceResult) -> Found | None:
    device = result.device
    platform = next((each for each in PLATFORMS if each == device.platform), None)
    if platform is None or not result.validity.physical_device:
        return None  # an emulator may say the memory of the machine that it runs on
    try:
        return find(
            Facts(
                platform=platform,
                manufacturer=device.manufacturer,
                model=device.model,
                soc=device.soc,
                ram_bytes=device.ram_bytes,
                os_version=device.os_version,
                api_level=device.api_level,
                media_performance_class=device.media_performance_class,
                cores=device.cores,
            )
        )
    except UsageError as error:
        msg = f"says what no device can say: {error}"
        raise BundleError(msg) from error
