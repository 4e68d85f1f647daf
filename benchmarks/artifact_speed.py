"""How fast a tier's files are beside PyTorch and beside what its own exporters give by themselves.

    python -m benchmarks.artifact_speed rvm t08
    python -m benchmarks.artifact_speed rvm t08 --weights official.safetensors --threads 2 --compile

For every program of the tier, in turns on this machine: PyTorch eager, torch.compile where it is
asked for, the plain exports (the network as it stands through ``torch.onnx.export`` and through
``to_edge_transform_and_lower``, no graph work of ours) and our files in every recipe. Prints p50
in milliseconds and the median ratio to eager and to the plain export in the same runtime, within a
turn; below 1 is faster. The outputs of all are held to PyTorch's first.
"""

import argparse
import copy
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from export.manifest import read_manifest
from export.quiet import quiet
from export.recipe import RECIPES
from pocketmatte.bench import Latency, interleaved, ratios
from pocketmatte.build import build
from pocketmatte.bundle import bundle_weights, weights_entry
from pocketmatte.console import stdout, table
from pocketmatte.groups import Group, groups, runtime_of
from pocketmatte.request import Request
from pocketmatte.runtimes.protocol import Session
from pocketmatte.runtimes.table import runtime
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.timing import scene_inputs
from tiers.contract import ProgramContract
from tiers.errors import PocketMatteError
from tiers.example_inputs import example_inputs
from tiers.networks import programs
from tiers.weights import Weights, network_of

EAGER, COMPILED = "PyTorch eager", "torch.compile"
PLAIN = {"onnx": "plain ONNX export", "executorch": "plain ExecuTorch export"}
_LEAST_DB = 60.0  # of what is in single precision; anything below computes something else


def plain_onnx(program: nn.Module, contract: ProgramContract, path: Path) -> None:
    """Export a program by PyTorch's exporter alone."""
    with quiet():
        torch.onnx.export(
            program, tuple(example_inputs(contract)), str(path), dynamo=True, external_data=False,
            input_names=[tensor.name for tensor in contract.inputs],
            output_names=[tensor.name for tensor in contract.outputs], verbose=False,
        )  # fmt: skip


def plain_executorch(program: nn.Module, contract: ProgramContract, path: Path) -> None:
    """Lower a program by ExecuTorch's own steps alone."""
    with quiet():
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower

        exported = torch.export.export(program, tuple(example_inputs(contract)))
        lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
        path.write_bytes(lowered.to_executorch().buffer)


def sessions_of(
    group: Group, contract: ProgramContract, root: Path, threads: int, *, compiled: bool
) -> Iterator[tuple[str, Session]]:
    """Yield everything that computes a program, by name."""
    network = network_of(group.spec, weights_of(root, group))
    own = programs(copy.deepcopy(network), group.spec)[contract.name].eval()
    yield EAGER, group.reference[contract.name]
    if compiled:
        quick = copy.deepcopy(own)
        quick.compile()
        yield COMPILED, TorchSession(quick, contract, threads)
    for form, write, suffix in (
        ("onnx", plain_onnx, ".onnx"),
        ("executorch", plain_executorch, ".pte"),
    ):
        path = root / f"plain-{contract.name}{suffix}"
        write(own, contract, path)
        yield (
            PLAIN[form],
            runtime("onnxruntime" if form == "onnx" else form).load(
                path, contract, threads=threads
            ),
        )
    for entry in group.artifacts:
        if entry.program == contract.name:
            loaded = runtime_of(entry).load(root / entry.path, contract, threads=threads)
            yield f"{entry.format} {entry.recipe}", loaded


def weights_of(root: Path, group: Group) -> Weights:
    """Return the weights that a group's files were made from."""
    manifest = read_manifest(root)
    entry = weights_entry(root, manifest, group.artifacts[0])
    return bundle_weights(root, entry, group.spec)


def worst_db(reference: Session, session: Session, inputs: Mapping[str, Any]) -> float:
    """Return the smallest PSNR of an output against PyTorch's; the peak is its largest value."""
    expected, found = reference.run(inputs), session.run(inputs)
    worst = np.inf
    for name, value in expected.items():
        error = float(np.square(value - found[name], dtype=np.float64).mean())
        peak = max(float(np.abs(value).max()), 1e-12)
        worst = min(worst, 10 * np.log10(peak**2 / error) if error else np.inf)
    return worst


def row(name: str, latencies: Mapping[str, Latency], decibels: float) -> tuple[object, ...]:
    """Return a line of the table."""
    form = name.split()[0]
    plain = PLAIN.get(form)
    to_plain = None if plain is None else f"{ratios(latencies, plain)[name]:.2f}x"
    return (
        name, f"{latencies[name].p50_ms:.2f}", f"{ratios(latencies, EAGER)[name]:.2f}x", to_plain,
        "equal" if np.isinf(decibels) else f"{decibels:.1f}",
    )  # fmt: skip


def main(arguments: list[str]) -> int:
    """Build, time and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("network")
    parser.add_argument("tier")
    parser.add_argument("--weights", type=Path, help="a .safetensors file; else the shipped ones")
    parser.add_argument("--recipes", default="fp32,w8a8", help=f"of {', '.join(RECIPES)}")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=50, help="turns, at most")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each, at most")
    parser.add_argument("--compile", action="store_true", help="time torch.compile, too")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    try:
        found = timed(given)
    except PocketMatteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if given.json:
        sys.stdout.write(json.dumps(found) + "\n")
    return 0


def timed(given: argparse.Namespace) -> list[dict[str, object]]:
    """Return a row for everything that was timed; they are printed as they come."""
    request = Request(
        network=given.network, tiers=(given.tier,), formats=("onnx", "executorch"),
        recipes=tuple(given.recipes.split(",")), weights=given.weights,
    )  # fmt: skip
    rows: list[dict[str, object]] = []
    columns = ("", "p50 ms", "x eager", "x plain", "worst dB")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for event in build(root, request):
            if event.outcome == "failed":
                msg = f"{event.path}: {event.reason}"
                raise PocketMatteError(msg)
        for group in groups(root, read_manifest(root), given.threads):
            for contract in group.contracts:
                inputs = scene_inputs(group)[contract.name]
                held = dict(
                    sessions_of(group, contract, root, given.threads, compiled=given.compile)
                )
                decibels = {n: worst_db(held[EAGER], s, inputs) for n, s in held.items()}
                for name in (*PLAIN.values(), *(n for n in held if n.endswith("fp32"))):
                    if decibels[name] < _LEAST_DB:
                        msg = f"{name} is {decibels[name]:.1f} dB off PyTorch"
                        raise PocketMatteError(msg)
                latencies = interleaved(
                    held, contract, inputs, runs=given.runs, seconds=given.seconds
                )
                lines = [row(name, latencies, decibels[name]) for name in held]
                title = f"{group.spec.network} {group.spec.name} {contract.name}"
                if not given.json:
                    stdout.print(table(f"{title}, {given.threads} thread(s)", columns, lines))
                rows += [
                    {
                        "program": title, "name": name, "p50_ms": latencies[name].p50_ms,
                        "worst_db": None if np.isinf(decibels[name]) else decibels[name],
                        "to_eager": ratios(latencies, EAGER)[name],
                    }
                    for name in held
                ]  # fmt: skip
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
