"""Run the native runner on small bundles, and change what they hold."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.adb.small_bundle import write_bundle
from tests.native.programs import times

FILE = "rvm/t01/matte-fp32.pte"
TRACE = Path("traces", "rvm", "t01")
QUICK = ("--warmups", 1, "--runs", 3, "--seconds", 0)


class Runner:
    """The runner's ``run``, and the result that it wrote."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self._folder, self.bundle = folder, bundle
        self.out = bundle.parent / "result.json"

    def __call__(self, *more: object, **changed: object) -> subprocess.CompletedProcess[str]:
        named: dict[str, object] = {
            "bundle": self.bundle, "network": "rvm", "tier": "t01", "out": self.out,
            "trace": self.bundle / "traces" / "rvm" / "t01", **changed,
        }  # fmt: skip
        words = [word for name, value in named.items() for word in (f"--{name}", value)]
        return self.plain("run", *words, *QUICK, *more)

    def plain(self, *words: object) -> subprocess.CompletedProcess[str]:
        command = [self._folder / "runner", *words]
        return subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, check=False
        )


def manifest(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = bundle / "manifest.json"
    content = json.loads(path.read_text())
    change(next(entry for entry in content["artifacts"] if entry["path"] == FILE))
    path.write_text(json.dumps(content))


def refill(bundle: Path, factor: float, *, delegated: bool = True) -> None:
    """Put another program in place, with its true hash."""
    program = times(factor, delegated=delegated)
    other = write_bundle(bundle.parent / "other", program=program)
    shutil.copy(other / FILE, bundle / FILE)
    shutil.copy(other / "manifest.json", bundle / "manifest.json")
