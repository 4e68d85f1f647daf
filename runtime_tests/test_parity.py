"""Sampled tiers, every format and recipe that runs on this machine, against PyTorch."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from export.program import capture
from export.recipe import RECIPES, recipe
from export.targets import TARGETS, Target
from pocketmatte.parity import Parity, compare_all, standard_frames
from pocketmatte.runtimes.protocol import Session
from pocketmatte.runtimes.table import runtime
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.tolerances import DRIFT_FRAMES
from tiers.contract import contracts
from tiers.ladder import tier
from tiers.networks import programs
from tiers.networks.rvm import Rvm
from tiers.spec import TierSpec
from tiers.weights import default, network_of

RUN_HERE = [each for each in TARGETS.values() if runtime(each.runtime).unavailable() is None]
FULL_HD_PIXELS = 1920 * 1080  # at about this size a frame takes seconds
FEW_FRAMES = 6


def _network(spec: TierSpec) -> Rvm:
    network = network_of(spec, default(spec))
    assert isinstance(network, Rvm)
    return network


def _session(network: Rvm, spec: TierSpec, form: Target, recipe_name: str, folder: Path) -> Session:
    (contract,) = contracts(spec)
    path = folder / f"{contract.name}-{recipe_name}{form.suffix}"
    form.export(capture(network, spec, contract.name, recipe(recipe_name)), path, {})
    return runtime(form.runtime).load(path, contract, threads=1)


def _parities(
    reference: Rvm, sessions: dict[str, Session], spec: TierSpec, count: int
) -> dict[str, Parity]:
    (contract,) = contracts(spec)
    program = programs(reference, spec)[contract.name]
    names = {name: name.rpartition("-")[2] for name in sessions}
    frames = standard_frames(spec, count)
    try:
        return compare_all(TorchSession(program, contract, 1), sessions, contract, names, frames)
    finally:
        for session in sessions.values():
            session.close()


def test_every_file_of_a_tier_computes_what_pytorch_computes(
    tier_name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    spec = tier("rvm", tier_name)
    network = _network(spec)
    sessions = {
        f"{form.name}-{name}": _session(network, spec, form, name, tmp_path)
        for form in RUN_HERE
        for name in RECIPES
    }
    height, width = spec.output_hw
    count = DRIFT_FRAMES + 2 if height * width < FULL_HD_PIXELS else FEW_FRAMES
    parities = _parities(network, sessions, spec, count)
    for name, parity in parities.items():
        record_property(name, f"{parity.psnr_db['alpha']} dB, drift {parity.drift}")
    assert {name: parity.failures for name, parity in parities.items()} == dict.fromkeys(
        sessions, ()
    )
    low, high = parities[f"{RUN_HERE[0].name}-fp32"].reference_range["alpha"]
    assert high - low > 0.1, "an alpha that is the same everywhere proves nothing"


@pytest.mark.parametrize(
    ("form", "name", "failure"),
    [
        ("onnx", "fp16", "PSNR of alpha is "),
        ("executorch", "fp32", "max abs of alpha is "),
    ],
)
def test_a_file_with_one_changed_weight_fails(
    form: str, name: str, failure: str, tmp_path: Path
) -> None:
    spec = tier("rvm", "t01")
    changed = _network(spec)
    with torch.no_grad():
        changed.get_parameter("project_mat.conv.bias")[3] += 0.05
    sessions = {f"{form}-{name}": _session(changed, spec, TARGETS[form], name, tmp_path)}
    parities = _parities(_network(spec), sessions, spec, 2)
    assert failure in "".join(parities[f"{form}-{name}"].failures)
