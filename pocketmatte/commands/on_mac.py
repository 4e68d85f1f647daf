"""``pocketmatte mac``: what Core ML itself gives, in one file to send back."""

import collections
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pocketmatte.console import (
    Done,
    JsonFlag,
    finish,
    note,
    progress,
    relative,
    require_at_least,
    table,
)
from tiers.errors import RuntimeUnavailableError, UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from pocketmatte.mac_report import Seen

_COLUMNS = ("package", "runtime", "verdict", "from PyTorch", "from the evaluator")


def mac(
    bundle: Annotated[Path, typer.Argument(help="Folder that pocketmatte build wrote.")],
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("core-ml-report.json"),
    frames: Annotated[int, typer.Option(help="Frames of the moving photograph to play.")] = 52,
    as_json: JsonFlag = False,
) -> None:
    """Run the Core ML packages of a bundle on this Mac, and write what they gave into one file.

    Each package of tensors runs on every choice of compute units: all, the CPU alone, the CPU and
    the GPU, the CPU and the Neural Engine. It is compared with PyTorch and with the evaluator that
    stands in for Core ML on other systems. Packages of 8-bit images and of several functions are
    left out. The file holds figures, versions and the processor's name, no picture and no folder's
    name; it is written anew after each tier. Exits with 1 off macOS, and unless every package ran
    everywhere, the evaluator included, and kept its limits against both.

    Examples:
        pocketmatte mac build/bundle

        pocketmatte build --tier t01,t04 --format coreml,coreml-stateful --out build/mac
        pocketmatte mac build/mac --out core-ml-report.json
    """
    finish(reported(bundle, out, frames), as_json=as_json)


def reported(bundle: Path, out: Path, frames: int) -> Done:
    """Play with a bar, write the file after each tier, and say what was found."""
    require_at_least("--frames", frames)
    from pocketmatte.bundle import read_bundle
    from pocketmatte.groups import same_tier
    from pocketmatte.host import host_facts
    from pocketmatte.mac_report import compared, left_out, seen_on
    from pocketmatte.runtimes.table import CORE_ML, RUNTIMES

    for runtime in CORE_ML.values():
        if reason := runtime.unavailable():
            raise RuntimeUnavailableError(reason)
    manifest = read_bundle(bundle)
    _check_writable(out)
    others = left_out(manifest)
    seen: list[Seen] = []
    result: dict[str, object] = {
        "host": host_facts(),
        "frames": frames,
        "finished": False,
        "left_out": others,
        "packages": seen,
    }
    for reason, count in collections.Counter(others.values()).items():
        note(f"left out: {count} package(s) {reason}")
    tiers = list(same_tier(compared(manifest)))
    with progress(len(tiers), "playing") as advance:

        def kept(tier: str) -> None:
            _write(out, result)
            advance(tier)

        evaluator = RUNTIMES["coreml-reference"]
        for each in seen_on(bundle, CORE_ML, evaluator, frames=frames, on_tier=kept):
            seen.append(each)
            for reason in each.reasons():
                note(f"{each.verdict}: {each.path} in {each.runtime}: {reason}")
    result["finished"] = True
    _write(out, result)
    note(f"{len(seen)} runs of {len({s.path for s in seen})} packages; send back {relative(out)}")
    passed = all(each.verdict == "ran" for each in seen)
    return Done(result=result, table=_table(seen), passed=passed)


def _check_writable(out: Path) -> None:
    """Refuse a place that takes no file before hours are spent; an older report stays as it is.

    Raises:
        UsageError: With the system's reason.
    """
    reason = "it is a folder" if out.is_dir() else None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        msg = f"--out {out} cannot be written ({reason}); choose another file"
        raise UsageError(msg)


def _write(out: Path, result: Mapping[str, object]) -> None:
    from export.artifact import write_text
    from pocketmatte.results import plain

    write_text(out, json.dumps(plain(result), indent=1, sort_keys=True, allow_nan=False) + "\n")


def _table(seen: "Sequence[Seen]") -> "Table":
    cells = []
    for each in seen:
        parities = (each.against_torch, each.against_evaluator)
        worst = [max(p.max_abs.values(), default=None) if p else None for p in parities]
        shown = (None if value is None else f"{value:.1e}" for value in worst)
        cells.append((each.path, each.runtime, each.verdict, *shown))
    return table("", _COLUMNS, cells)
