"""How long ``select`` takes on a bundle of every network, tier and recipe, in a bare Python.

    python -m benchmarks.select_speed
    python -m benchmarks.select_speed --turns 30 --bundle build/bundle

Writes a manifest of about 1,850 files and what ``verify`` says of them, without the files, into a
folder that is removed afterwards, and prints the fastest of many processes, from start to end:
their time on the processor, since other work only ever adds to it. They run a copy of the sources:
once as it is, as in a fresh checkout, and once with what Python compiles of it and keeps.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pocketmatte.console import stdout, table
from tiers.contract_table import PROGRAMS, contracts
from tiers.errors import PocketMatteError
from tiers.ladder import LADDERS

_ROOT = Path(__file__).parents[1]
_SOURCES = ("pocketmatte", "export", "tiers")
_KEEP_NONE = "PYTHONDONTWRITEBYTECODE"
_FILES = (
    ("executorch", ".pte", ("fp32", "fp16", "w8a8")),
    ("onnx", ".onnx", ("fp32", "fp16", "w8", "w8a8")),
    ("coreml", ".mlpackage", ("fp32", "fp16", "w8", "w8a8")),
)
_ASKED = (
    ("one class", ("--class", "t06", "--platform", "android", "--budget-fps", "30")),
    ("one class, roofline",
     ("--class", "t06", "--platform", "android", "--budget-fps", "30", "--prior", "roofline")),
    ("all classes", ("--all",)),
    ("all classes, lock written", ("--all", "--out")),
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bundle", type=Path, help="another bundle than the one that is made up")
    parser.add_argument("--turns", type=int, default=15)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        sources = _copied(Path(folder) / "sources")
        bundle = given.bundle.absolute() if given.bundle else _written(Path(folder) / "bundle")
        files = len(json.loads((bundle / "manifest.json").read_text("utf-8"))["artifacts"])
        kept = {name: value for name, value in os.environ.items() if name != _KEEP_NONE}
        rows: list[list[object]] = [[name, files] for name, _ in _ASKED]
        for environment in ({**kept, _KEEP_NONE: "1"}, kept):
            for row, (_, words) in zip(rows, _ASKED, strict=True):
                out = [str(Path(folder) / "lock.json")] if words[-1] == "--out" else []
                command = ["select", str(bundle), *words, *out]
                row.append(f"{_fastest_s(sources, command, environment, given.turns):.3f}")
    stdout.print(table("", ("select", "files", "from sources s", "compiled s"), rows))
    return 0


def _copied(folder: Path) -> Path:
    """Copy the sources without what Python compiled of them."""
    for name in _SOURCES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(_ROOT / name, folder / name, ignore=ignored)
    return folder


def _fastest_s(
    sources: Path, words: Sequence[str], environment: Mapping[str, str], turns: int
) -> float:
    command = [sys.executable, "-S", "-m", "pocketmatte.selection", *words]
    fastest = float("inf")
    for _ in range(turns):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            command, cwd=sources, env=environment, capture_output=True, check=False
        )
        if done.returncode not in (0, 1):  # 1: a class gets nothing of a network
            raise PocketMatteError(done.stderr.decode(errors="replace"))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        fastest = min(fastest, spent)
    return fastest


def _written(root: Path) -> Path:
    """Write a manifest with as much in it as a built one has."""
    artifacts, verdicts = [], []
    for network, rows in LADDERS.items():
        for tier, spec in rows.items():
            own = {each.name: each for each in contracts(spec)}
            for program in PROGRAMS[network]:
                tensors = [
                    {"name": each.name, "shape": each.shape, "dtype": "float32", "low": 0.0,
                     "high": 1.0, "meaning": each.name}
                    for each in (*own[program].inputs, *own[program].outputs)
                ]  # fmt: skip
                for form, suffix, recipes in _FILES:
                    for recipe in recipes:
                        path = f"{network}/{tier}/{program}-{recipe}{suffix}"
                        sha256 = hashlib.sha256(path.encode()).hexdigest()
                        artifacts.append(
                            {"path": path, "network": network, "tier": tier, "program": program,
                             "format": form, "recipe": recipe, "sha256": sha256,
                             "size_bytes": 1_000_000 if recipe == "fp32" else 500_000,
                             "frame": {"orientation": "landscape"}, "inputs": tensors,
                             "outputs": [], "states": [], "notes": {}}
                        )  # fmt: skip
                        verdicts.append(
                            {"path": path, "sha256": sha256, "status": "proven", "reasons": [],
                             "parity": {"judged": "alpha", "psnr_db": {"alpha": 60.0}}}
                        )  # fmt: skip
    (root / "results").mkdir(parents=True)
    whole = {"schema_version": 1, "artifacts": artifacts}
    (root / "manifest.json").write_text(json.dumps(whole), "utf-8")
    (root / "results" / "parity.json").write_text(json.dumps({"artifacts": verdicts}), "utf-8")
    return root


if __name__ == "__main__":
    sys.exit(main())
