"""How fast ``rvm`` is beside a straightforward export of the published forms, same weights.

    python -m benchmarks.beside_published --weights official.safetensors
    python -m benchmarks.beside_published --working 480x272 --scale 4 --instructions cortex-a76

The straightforward export is ``torch.onnx.export`` and ``to_edge_transform_and_lower`` of
``benchmarks.published_forms``, no graph work. All take turns on one thread. Times are processor
time of that thread, so that what else runs counts less: the median, and the median ratio within a
turn. All outputs are held to PyTorch's first. The machine's peak is measured in the same run: a
large matrix product, and a large copy. Instructions are those of one frame on an emulated
processor, which repeat exactly.
"""

import argparse
import dataclasses
import math
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.artifact_speed import plain_executorch, plain_onnx
from benchmarks.cost_times import peaks
from benchmarks.published_forms import PublishedMatte
from export.program import capture
from export.quantise import quantised
from export.recipe import recipe as recipe_of
from export.targets import target
from pocketmatte.console import stdout, table
from pocketmatte.native.arm_python import PYTHON_FOLDER, read_arm_python
from pocketmatte.native.building import read_runner
from pocketmatte.native.counting import instructions_of
from pocketmatte.native.emulation import CPUS, cpu
from pocketmatte.quantisation.record import made_records
from pocketmatte.runtimes.arm64 import ARM_RUNNER, BUILT
from pocketmatte.runtimes.protocol import FloatArray, Session
from pocketmatte.runtimes.table import runtime
from pocketmatte.signal_errors import psnr_db_of
from tiers.contract import ProgramContract
from tiers.contract_table import contracts
from tiers.cost import cost
from tiers.errors import PocketMatteError
from tiers.example_inputs import example_inputs
from tiers.ladder import tier
from tiers.networks.rvm import MatteProgram, Rvm
from tiers.spec import TierSpec
from tiers.weights import default, load, network_of

RUNTIMES = {"onnx": "onnxruntime", "executorch": "executorch"}
SUFFIXES = {"onnx": ".onnx", "executorch": ".pte"}
EAGER, STRAIGHT = "PyTorch eager", "straightforward"
_NO_KEY = "0" * 64  # of a record that no bundle keeps
_LEAST_DB = {"fp32": 60.0, "w8a8": 20.0}  # below, something else is computed
_MATRIX, _COPIED = 1536, 1 << 26  # side; numbers of four bytes, 256 MB


def spec_of(tier_name: str, working: str, scale: int) -> TierSpec:
    """Return a row at other sizes.

    Raises:
        PocketMatteError: If a row cannot have these sizes.
    """
    try:
        width, height = map(int, working.split("x"))
        return dataclasses.replace(
            tier("rvm", tier_name),
            working_hw=(height, width),
            output_hw=(height * scale, width * scale),
        )
    except ValueError as error:
        msg = f"--working {working} --scale {scale}: {error}"
        raise PocketMatteError(msg) from error


def written(
    network: Rvm, spec: TierSpec, contract: ProgramContract, root: Path, recipes: list[str]
) -> dict[str, Path]:
    """Write every file that is compared; by name, which begins with its format."""
    files: dict[str, Path] = {}
    published = PublishedMatte(network, spec.ratio).eval().requires_grad_(requires_grad=False)
    for form, write in (("onnx", plain_onnx), ("executorch", plain_executorch)):
        files[f"{form} {STRAIGHT}"] = root / f"straight{SUFFIXES[form]}"
        write(published, contract, files[f"{form} {STRAIGHT}"])
    for name in recipes:
        captured = capture(network, spec, contract.name, recipe_of(name))
        if not recipe_of(name).floating:
            ((_, record),) = made_records(spec, network, {name: _NO_KEY})
            captured = quantised(captured, record.programs[contract.name])
        for form, suffix in SUFFIXES.items():
            files[f"{form} {name}"] = root / f"{name}{suffix}"
            target(form).export(captured, files[f"{form} {name}"], {})
    return files


def held_to(
    expected: Mapping[str, FloatArray], found: Mapping[str, FloatArray], contract: ProgramContract
) -> float:
    """Return the PSNR in decibels of the alpha, whose peak is 1."""
    name = contract.outputs[1].name
    squares = float(np.square(expected[name] - found[name], dtype=np.float64).mean())
    decibels = psnr_db_of(squares)
    return math.inf if decibels is None else decibels


def timed(
    runs: Mapping[str, Callable[[], object]], turns: int
) -> dict[str, "np.ndarray[tuple[int], np.dtype[np.float64]]"]:
    """Return the milliseconds of processor time of every turn, after one that is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(turns + 1):
        for name, run in runs.items():
            start = time.thread_time_ns()
            run()
            if turn:
                taken[name].append((time.thread_time_ns() - start) / 1e6)
    return {name: np.array(values) for name, values in taken.items()}


def eager(program: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Callable[[], object]:
    """Return a run of a program by PyTorch."""

    def run() -> object:
        with torch.inference_mode():
            return program(*inputs)

    return run


def compared(given: argparse.Namespace, spec: TierSpec, root: Path) -> list[tuple[object, ...]]:
    """Return the lines of the table."""
    weights = default(spec) if given.weights is None else load(given.weights, "rvm")
    network = network_of(spec, weights)
    if not isinstance(network, Rvm):
        msg = f"{given.tier} is no Rvm"
        raise PocketMatteError(msg)
    network.eval().requires_grad_(requires_grad=False)
    (contract,) = contracts(spec)
    files = written(network, spec, contract, root, given.recipes.split(","))
    inputs = example_inputs(contract)
    named = {t.name: value.numpy() for t, value in zip(contract.inputs, inputs, strict=True)}
    program = MatteProgram(network, spec.ratio).eval()
    with torch.inference_mode():
        results = program(*inputs)
    expected = {t.name: v.numpy() for t, v in zip(contract.outputs, results, strict=True)}
    held: dict[str, Session] = {}
    decibels: dict[str, float] = {}
    for name, path in files.items():
        form, what = name.split()
        held[name] = runtime(RUNTIMES[form]).load(path, contract, threads=1)
        decibels[name] = held_to(expected, held[name].run(named), contract)
        if decibels[name] < _LEAST_DB.get(what, _LEAST_DB["fp32"]):
            msg = f"the alpha of {name} is {decibels[name]:.1f} dB off PyTorch's"
            raise PocketMatteError(msg)
    runs = {EAGER: eager(program, inputs)}
    runs |= {name: (lambda s=session: s.run(named)) for name, session in held.items()}
    times = timed(runs, given.turns)
    counts = {}
    if given.instructions:
        model = cpu(given.instructions)
        counts = {n: instructions_of(p, contract, named, model) for n, p in files.items()}
    macs = cost(spec).macs
    peak = peaks(_MATRIX, _COPIED)
    work = peak["gflops"] / 2
    copied = peak["gigabytes_per_second"]
    stdout.print(f"peak of one thread: {work:.1f} GMAC/s, {copied:.1f} GB/s copied")
    lines = [(EAGER, f"{np.median(times[EAGER]):.1f}", "1.00", None, None, None, None, None)]
    for name in files:
        base = f"{name.split()[0]} {STRAIGHT}"
        milliseconds = float(np.median(times[name]))
        lines.append(
            (
                name, f"{milliseconds:.1f}",
                f"{np.median(times[name] / times[EAGER]):.2f}",
                f"{np.median(times[name] / times[base]):.2f}",
                f"{macs / milliseconds / 1e6 / work:.0%}",
                f"{decibels[name]:.1f}",
                f"{counts[name] / 1e6:.1f}" if counts else None,
                f"{counts[name] / counts[base]:.3f}" if counts else None,
            )
        )  # fmt: skip
    return lines


def main(arguments: list[str]) -> int:
    """Write, time and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tier", default="t08", help="of MobileNetV3 (default t08)")
    parser.add_argument("--working", default="512x288", help="WIDTHxHEIGHT the network works at")
    parser.add_argument("--scale", type=int, default=1, help="output over working size: 1, 2, 4")
    parser.add_argument("--weights", type=Path, help="a .safetensors file; else the shipped ones")
    parser.add_argument("--recipes", default="fp32,w8a8")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--instructions", choices=sorted(CPUS), help="count them, too")
    given = parser.parse_args(arguments)
    columns = (
        "", "ms", "x eager", "x straightforward", "of peak", "alpha dB", "M instructions", "x"
    )  # fmt: skip
    torch.set_num_threads(1)
    try:
        spec = spec_of(given.tier, given.working, given.scale)
        if given.instructions:  # before minutes are spent
            read_runner(ARM_RUNNER)
            read_arm_python(BUILT / PYTHON_FOLDER)
        with tempfile.TemporaryDirectory() as folder:
            lines = compared(given, spec, Path(folder))
    except PocketMatteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    height, width = spec.output_hw
    stdout.print(table(f"rvm {given.tier}, {width}x{height}, one thread", columns, lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
