import contextlib
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from safetensors.torch import save_file

from export import converting, functional, to_coreml, to_executorch
from export.program import Captured
from export.targets import TARGETS, Notes
from tiers.networks.rvm import Rvm

# Another process, the formats in the opposite order, each file written by its exporter alone.
_EXPORT = """
import json, sys
from pathlib import Path
import torch
from safetensors.torch import load_file
from export.program import capture
from export.recipe import recipe
from export.targets import TARGETS
from tiers.ladder import tier
from tiers.networks.rvm import Rvm

torch.set_num_threads(1)
folder = Path(sys.argv[1])
spec = tier("rvm", "t01")
network = Rvm(spec.shape).eval()
network.load_state_dict(load_file(folder / "weights.safetensors"))
captured = capture(network, spec, "matte", recipe("fp16"))
for row in reversed(TARGETS.values()):
    if not row.unavailable():
        row.export(captured, folder / f"matte-fp16{row.suffix}", json.loads(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def elsewhere(
    network: Rvm, metadata: dict[str, str], root: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """Return the folder that another process exported to, and what it printed."""
    folder = tmp_path_factory.mktemp("elsewhere")
    save_file(network.state_dict(), folder / "weights.safetensors")
    command = [sys.executable, "-c", _EXPORT, str(folder), json.dumps(metadata)]
    done = subprocess.run(
        command,
        cwd=root,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return folder, done.stdout


def _digests(path: Path) -> dict[str, str]:
    parts = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {
        part.relative_to(path.parent).as_posix(): hashlib.sha256(part.read_bytes()).hexdigest()
        for part in parts
        if part.is_file()
    }


@pytest.mark.parametrize("name", TARGETS)
def test_two_processes_write_the_same_bytes(
    files: Callable[[str, str], tuple[Path, Notes]], elsewhere: tuple[Path, str], name: str
) -> None:
    if reason := TARGETS[name].unavailable():
        pytest.skip(reason)
    path = files(name, "fp16")[0]
    assert _digests(path) == _digests(elsewhere[0] / path.name)


@pytest.mark.parametrize("name", ["onnx", "coreml", "executorch"])
def test_what_is_left_undone_changes_no_byte(
    files: Callable[[str, str], tuple[Path, Notes]],
    captured: Mapping[str, Captured],
    metadata: dict[str, str],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing = contextlib.nullcontext
    monkeypatch.setattr(converting, "code_deferred", nothing)
    monkeypatch.setattr(converting, "_histories_shared", nothing)
    monkeypatch.setattr(functional, "_is_functional", lambda _: False)
    monkeypatch.setattr(to_coreml, "_checked_once", nothing)
    monkeypatch.setattr(to_executorch, "results_known", nothing)
    monkeypatch.setattr(to_executorch, "_partitioner", XnnpackPartitioner)
    path = tmp_path / files(name, "fp16")[0].name
    TARGETS[name].export(captured["fp16"], path, metadata)
    assert _digests(path) == _digests(files(name, "fp16")[0])


def test_the_exporters_say_nothing_and_leave_nothing_else(elsewhere: tuple[Path, str]) -> None:
    folder, said = elsewhere
    assert said == ""
    names = {f"matte-fp16{row.suffix}" for row in TARGETS.values() if not row.unavailable()}
    assert {path.name for path in folder.iterdir()} == {"weights.safetensors", *names}
