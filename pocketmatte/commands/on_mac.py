"""``pocketmatte mac``: what Core ML itself gives, in one file to send back."""

from pathlib import Path
from typing import Annotated

import typer

from pocketmatte.console import Done, JsonFlag, finish, note, progress, require_at_least, table
from tiers.errors import RuntimeUnavailableError


def mac(
    bundle: Annotated[Path, typer.Argument(help="Folder that pocketmatte build wrote.")],
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("core-ml-report.json"),
    frames: Annotated[int, typer.Option(help="Frames of the moving photograph to play.")] = 52,
    as_json: JsonFlag = False,
) -> None:
    """Run every Core ML package of a bundle on this Mac, and write what it gave into one file.

    Each package runs with all compute units, on the CPU alone, and on the CPU and the Neural
    Engine, and is compared with PyTorch and with the evaluator that stands in for Core ML on other
    systems. The file holds figures, versions and the processor's name, and no picture. Exits with 1
    where a package is refused or passes a limit, and off macOS.

    Examples:
        pocketmatte build --tier t01,t04 --format coreml,coreml-stateful --out build/mac

        pocketmatte mac build/mac --out core-ml-report.json
    """
    finish(reported(bundle, out, frames), as_json=as_json)


def reported(bundle: Path, out: Path, frames: int) -> Done:
    """Play with a bar, write the file, and say what was found."""
    require_at_least("--frames", frames)
    import json

    from export.artifact import write_text
    from pocketmatte.bundle import read_bundle
    from pocketmatte.host import host_facts
    from pocketmatte.mac_report import seen_on
    from pocketmatte.results import plain
    from pocketmatte.runtimes.table import CORE_ML, RUNTIMES

    for runtime in CORE_ML.values():
        if reason := runtime.unavailable():
            raise RuntimeUnavailableError(reason)
    artifacts = read_bundle(bundle).artifacts
    tiers = {(a.network, a.tier, a.frame.orientation, a.weights_digest) for a in artifacts}
    with progress(len(tiers), "playing") as advance:
        evaluator = RUNTIMES["coreml-reference"]
        seen = list(seen_on(bundle, CORE_ML, evaluator, frames=frames, on_tier=advance))
    result = {"host": host_facts(), "frames": frames, "packages": seen}
    text = json.dumps(plain(result), indent=1, sort_keys=True, allow_nan=False)
    write_text(out, text + "\n")
    cells = []
    for each in seen:
        parities = (each.against_torch, each.against_evaluator)
        worst = [max(p.max_abs.values(), default=None) if p else None for p in parities]
        ran = "refused" if each.refused else "ran"
        if each.against_torch is not None and not each.against_torch.passed:
            ran = "failed"
        shown = (None if value is None else f"{value:.1e}" for value in worst)
        cells.append((each.path, each.runtime, ran, *shown))
    note(f"{len(seen)} runs of {len({s.path for s in seen})} packages; send back {out}")
    columns = ("package", "runtime", "verdict", "from PyTorch", "from the evaluator")
    passed = all(row[2] == "ran" for row in cells)
    return Done(result=result, table=table("", columns, cells), passed=passed)
