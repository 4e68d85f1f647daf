"""``pocketmatte runner`` and ``trace``: what a device is given beside the bundle."""

from pathlib import Path
from typing import Annotated

import typer

from pocketmatte.commands.signing import note_stale
from pocketmatte.console import (
    Done,
    JsonFlag,
    chosen,
    finish,
    note,
    progress,
    relative,
    require_at_least,
    table,
)


def runner_(
    target_names: Annotated[
        str,
        typer.Option(
            "--target",
            help="linux-x86_64, linux-aarch64, linux-aarch64-python, comma-separated, or all.",
        ),
    ] = "linux-aarch64",
    out: Annotated[Path, typer.Option(help="Folder to build into.")] = Path("build/native"),
    as_json: JsonFlag = False,
) -> None:
    """Build the native runner, which takes bundles and reference traces to a device.

    linux-x86_64 is for this machine; linux-aarch64 is a folder that holds all it needs, down to the
    C library, for a phone over adb and for the emulator of verify --runtime arm64;
    linux-aarch64-python is a Python of 64-bit Arm with ONNX Runtime, for the emulator alone. The
    compilers must be there (Debian: cmake g++ g++-aarch64-linux-gnu nlohmann-json3-dev qemu-user);
    ExecuTorch's wheel for 64-bit Arm is fetched.

    Examples:
        pocketmatte runner

        pocketmatte runner --target all
    """
    from pocketmatte.native.arm_python import PYTHON_FOLDER, build_arm_python
    from pocketmatte.native.building import build_runner
    from pocketmatte.native.tools import TARGETS, target

    known = [*TARGETS, PYTHON_FOLDER]
    names = chosen(target_names, known, "target")
    folders: dict[str, Path] = {}
    with progress(len(names), "building") as advance:
        for name in names:
            python = name == PYTHON_FOLDER
            folders[name] = build_arm_python(out) if python else build_runner(target(name), out)
            advance(name)
    sizes = {
        name: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for name, folder in folders.items()
    }
    cells = [(n, relative(folders[n]), f"{sizes[n] / 1e6:.1f}") for n in folders]
    result = {
        "folders": {name: {"path": folders[name], "size_bytes": sizes[name]} for name in folders}
    }
    finish(Done(result=result, table=table("", ("target", "folder", "MB"), cells)), as_json=as_json)


def trace_(
    bundle: Annotated[Path, typer.Argument(help="Folder that pocketmatte build wrote.")],
    network: Annotated[str, typer.Option(help="Networks, comma-separated, or all.")] = "all",
    tier_names: Annotated[
        str, typer.Option("--tier", help="Tiers, comma-separated, or all.")
    ] = "all",
    frames: Annotated[int, typer.Option(help="Frames of each trace.")] = 8,
    as_json: JsonFlag = False,
) -> None:
    """Record reference traces: what PyTorch is given and gives, for a device to replay.

    One of each tier of the bundle, below traces/ in it; docs/harness-protocol.md says what they
    hold. What is there and of the same weights is kept. pocketmatte build drops a trace when its
    weights change, verify checks its hashes.

    Examples:
        pocketmatte trace build/bundle

        pocketmatte trace build/bundle --network rvm --tier t04 --frames 16
    """
    from pocketmatte.bundle import read_bundle
    from pocketmatte.harness.record_traces import record_traces, to_record
    from pocketmatte.harness.recording import LEAST_FRAMES

    require_at_least("--frames", frames, LEAST_FRAMES)
    artifacts = read_bundle(bundle).artifacts
    networks = chosen(network, sorted({a.network for a in artifacts}), "network of this bundle")
    tiers = chosen(tier_names, sorted({a.tier for a in artifacts}), "tier of this bundle")
    events = []
    with progress(len(to_record(artifacts, networks, tiers)), "recording") as advance:
        for event in record_traces(bundle, networks, tiers, frames):
            events.append(event)
            advance(event.path)
    cells = [(e.path, e.outcome, e.frames, f"{e.size_bytes / 1e6:.1f}") for e in events]
    note(f"{relative(bundle)}: {len(events)} trace(s)")
    shown = table("", ("trace", "outcome", "frames", "MB"), cells)
    note_stale(bundle)
    finish(Done(result={"traces": events}, table=shown), as_json=as_json)
