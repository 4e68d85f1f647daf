"""Sampled tiers, every format and recipe that runs on this machine, against PyTorch."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from export.program import capture
from export.recipe import FLOATING, recipe
from export.targets import TARGETS, Target
from pocketmatte.delegation import broken_up
from pocketmatte.matting import ROLLOUTS
from pocketmatte.parity import Candidate, compare_all
from pocketmatte.parity_figures import Parity
from pocketmatte.request import Request
from pocketmatte.runtimes.protocol import Session
from pocketmatte.runtimes.table import prover
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.scene import standard_scene
from pocketmatte.tolerances import DRIFT_FRAMES, STATELESS_FRAMES
from tiers.contract_table import contracts
from tiers.cost import cost
from tiers.ladder import tier
from tiers.networks import programs
from tiers.spec import TierSpec
from tiers.weights import default, network_of

# Image packages cut pictures to 8 bits; verify holds them to what that leaves.
RUN_HERE = [
    name
    for name, each in TARGETS.items()
    if name != "coreml-image" and prover(each).unavailable() is None
]
HEAVY_GMACS = 5.0  # from about here a frame takes seconds in all files together
FEW_FRAMES = 6


def _candidate(
    network: nn.Module, spec: TierSpec, form: Target, recipe_name: str, folder: Path
) -> Candidate:
    sessions: dict[str, Session] = {}
    for contract in contracts(spec):
        path = folder / f"{contract.name}-{recipe_name}{form.suffix}"
        captured = capture(network, spec, contract.name, recipe(recipe_name))
        notes = form.export(captured, path, {})
        if form.name == "executorch":
            assert list(broken_up(spec, contract.name, notes)) == []
        sessions[contract.name] = prover(form).load(path, contract, threads=1)
    return Candidate(recipe=recipe_name, sessions=sessions)


def _parities(
    reference: nn.Module, candidates: dict[str, Candidate], spec: TierSpec, count: int
) -> dict[str, dict[str, Parity]]:
    described = contracts(spec)
    own = programs(reference, spec)
    sessions = {each.name: TorchSession(own[each.name], each, 1) for each in described}
    try:
        return compare_all(
            sessions,
            candidates,
            described,
            lambda run, scene: ROLLOUTS[spec.network](spec, run, scene),
            standard_scene(spec, count),
        )
    finally:
        for candidate in candidates.values():
            for session in candidate.sessions.values():
                session.close()


def _frames(spec: TierSpec) -> int:
    if not any(contract.states for contract in contracts(spec)):
        return STATELESS_FRAMES
    return DRIFT_FRAMES + 2 if cost(spec).gmacs < HEAVY_GMACS else FEW_FRAMES


def _forms(spec: TierSpec, recipe_name: str) -> list[str]:
    """Return the formats that run here and hold every program of a row in a recipe."""
    request = Request(
        network=spec.network, tiers=(spec.name,), formats=tuple(RUN_HERE), recipes=(recipe_name,)
    )
    held = [set(request.forms(spec, recipe_name, contract)) for contract in contracts(spec)]
    return [form for form in RUN_HERE if all(form in forms for forms in held)]


def test_every_file_of_a_tier_computes_what_pytorch_computes(
    network_name: str,
    tier_name: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    spec = tier(network_name, tier_name)
    network = network_of(spec, default(spec))
    candidates = {
        f"{form}-{name}": _candidate(network, spec, TARGETS[form], name, tmp_path)
        for name in FLOATING
        for form in _forms(spec, name)
    }
    assert {"onnx-fp32", "coreml-fp16", "executorch-fp16"} <= candidates.keys()
    found = _parities(network, candidates, spec, _frames(spec))
    names = {contract.name for contract in contracts(spec)}
    assert [name for name in candidates if set(found[name]) != names] == []
    failures = {}
    for name, files in found.items():
        for program, parity in files.items():
            record_property(f"{program}-{name}", f"{parity.psnr_db} dB, drift {parity.drift}")
            if parity.failures:
                failures[f"{program}-{name}"] = parity.failures
    assert failures == {}


@pytest.mark.parametrize(
    ("form", "name", "failure"),
    [
        ("onnx", "fp16", "PSNR of alpha is "),
        ("executorch", "fp32", "max abs of alpha is "),
        ("coreml", "fp32", "max abs of alpha is "),
    ],
)
def test_a_file_with_one_changed_weight_fails(
    form: str, name: str, failure: str, tmp_path: Path
) -> None:
    spec = tier("rvm", "t01")
    changed = network_of(spec, default(spec))
    with torch.no_grad():
        changed.get_parameter("project_mat.conv.bias")[3] += 0.05
    candidates = {"changed": _candidate(changed, spec, TARGETS[form], name, tmp_path)}
    found = _parities(network_of(spec, default(spec)), candidates, spec, 2)
    assert failure in "".join(found["changed"]["matte"].failures)
