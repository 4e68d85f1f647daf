"""Prove a package of several functions: each computes, to the bit, what its source file does."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from export.artifact import inside
from export.manifest import Artifact, Package
from export.packing import check_functions
from pocketmatte.mlprogram.evaluate import Evaluator
from pocketmatte.mlprogram.program import Function
from pocketmatte.mlprogram.read import read_package
from pocketmatte.mlprogram.types import Value
from pocketmatte.packages import AGAIN
from tiers.contract import ProgramContract
from tiers.contract_table import contracts
from tiers.errors import BundleError
from tiers.example_inputs import example_inputs
from tiers.ladder import tier as tier_of


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A package, found without fault, whose functions are to be compared with their sources.

    Attributes:
        root: The bundle.
        package: Of its manifest.
        sources: The artifact that each function was made from, by the function's name.
        threads: PyTorch's.
    """

    root: Path
    package: Package
    sources: Mapping[str, Artifact]
    threads: int


def differences(task: Task) -> tuple[Package, tuple[str, ...]]:
    """Return the package and what its functions differ in from their sources: a line each."""
    torch.set_num_threads(task.threads)
    path = inside(task.root, task.package.path)
    files = {name: inside(task.root, entry.path) for name, entry in task.sources.items()}
    try:
        check_functions(path, files, task.package.default)
        packed = read_package(path).functions
    except BundleError as error:
        return task.package, (str(error),)
    found = []
    for name, entry in task.sources.items():
        try:
            model = read_package(files[name])
            reason = _difference(
                packed[name], model.functions[model.default], _contract(entry), entry.path
            )
        except BundleError as error:
            reason = str(error)
        if reason:
            found.append(f"function {name}: {reason}")
    return task.package, tuple(found)


def _difference(
    function: Function, source: Function, contract: ProgramContract, path: str
) -> str | None:
    """Return how the outputs of two functions differ on the same inputs, or ``None``."""
    if function.inputs != source.inputs:
        return f"its inputs are declared otherwise than those of {path}; {AGAIN}"
    names = (tensor.name for tensor in contract.inputs)
    given = dict(zip(names, example_inputs(contract), strict=True))
    ours, theirs = (Evaluator(each).run(dict(given)) for each in (function, source))
    apart = {name: _largest(ours.get(name), value) for name, value in theirs.items()}
    parted = {name: largest for name, largest in apart.items() if largest is not None}
    if not parted:
        return None
    name = max(parted, key=parted.__getitem__)
    return f"its {name} differs from that of {path} by {parted[name]:.1e}, the limit is 0; {AGAIN}"


def _largest(ours: Value | None, theirs: Value) -> float | None:
    """Return the largest difference of two outputs, ``None`` where they are equal to the bit."""
    if (
        not isinstance(ours, Tensor)
        or not isinstance(theirs, Tensor)
        or (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype)
    ):
        return math.inf
    if ours.numpy().tobytes() == theirs.numpy().tobytes():
        return None
    return float((ours - theirs).abs().nan_to_num(nan=math.inf).max())


def _contract(entry: Artifact) -> ProgramContract:
    spec = tier_of(entry.network, entry.tier).oriented(entry.frame.orientation)
    return next(each for each in contracts(spec) if each.name == entry.program)
