"""Ask both runtimes how long each kind of operation of every file takes on this machine.

    python -m benchmarks.cost_profiles build/bundle --times times.json

ONNX Runtime's profiler and ExecuTorch's trace of events say the time of every operation that ran;
of several runs the fastest of each is added up by kind, and the shares of the kinds are kept beside
the times that ``benchmarks.cost_times`` wrote. The kinds are those of the cost model, and
``convert`` for what goes from one precision to another.
"""

import argparse
import json
import re
import sys
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.cost_file import read_times, write_times
from benchmarks.cost_times import FORMATS
from export.artifact import inside
from export.manifest import Artifact, read_manifest
from pocketmatte.groups import same_tier
from tiers.contract_table import contracts
from tiers.errors import BundleError, PocketMatteError
from tiers.example_inputs import example_inputs
from tiers.ladder import tier as tier_of

_ONNX = {
    "MatMul": "matmul", "FusedMatMul": "matmul", "Gemm": "matmul", "QLinearMatMul": "matmul",
    "Softmax": "softmax", "Resize": "resize", "Upsample": "resize", "AveragePool": "pool",
    "ReduceMean": "pool", "GlobalAveragePool": "pool", "ReduceMax": "pool", "ReduceSum": "pool",
    "MaxPool": "pool", "QLinearAveragePool": "pool", "QLinearGlobalAveragePool": "pool",
    "ReorderInput": "move", "ReorderOutput": "move", "Transpose": "move", "Slice": "move",
    "Concat": "move", "QLinearConcat": "move", "Split": "move", "Reshape": "move", "Expand": "move",
    "Pad": "move", "GridSample": "gather", "Gather": "gather", "GatherElements": "gather",
    "TopK": "topk", "GatherND": "gather", "Cast": "convert", "QuantizeLinear": "convert",
    "DequantizeLinear": "convert", "Relu": "activation", "Clip": "activation",
    "HardSigmoid": "activation", "HardSwish": "activation", "Sigmoid": "activation",
    "Tanh": "activation", "LeakyRelu": "activation", "QLinearSigmoid": "activation",
    "QLinearLeakyRelu": "activation", "Max": "activation", "Min": "activation",
}  # fmt: skip
_EXECUTORCH = (
    ("DWConv", "depthwise"), ("IGEMM", "dense"), ("Batch Matrix Multiply", "matmul"),
    ("Fully Connected", "pointwise"), ("Convolution", "pointwise"), ("Softmax", "softmax"),
    ("Resize", "resize"), ("Average Pooling", "pool"), ("Mean", "pool"), ("Max Pooling", "pool"),
    ("Sum", "pool"), ("Copy", "move"), ("Slice", "move"), ("Transpose", "move"),
    ("Reshape", "move"), ("Concat", "move"), ("Pad", "move"), ("Convert", "convert"),
    ("HardSwish", "activation"), ("Sigmoid", "activation"), ("TanH", "activation"),
    ("Clamp", "activation"), ("LeakyReLU", "activation"), ("Invalid Unary", "activation"),
    ("topk", "topk"), ("native_call_", "gather"),
)  # fmt: skip
_WHOLE = ("Method::", "DELEGATE_CALL", "OPERATOR_CALL", "Program::")  # that hold others
_CONVOLUTIONS = ("Conv", "FusedConv", "QLinearConv", "ConvInteger")
_ADDED = re.compile(r"(_nchwc|_token_\d+|_quant|_fused\w*|_kernel_time)+$")


def main(arguments: list[str] | None = None) -> int:
    """Profile every file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundles", nargs="+", type=Path, help="folders that build wrote")
    parser.add_argument("--times", type=Path, required=True, help="what cost_times wrote")
    parser.add_argument("--runs", type=int, default=6)
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    try:
        times = read_times(given.times)
        if times is None:
            msg = f"{given.times} is not there; run benchmarks.cost_times first"
            raise BundleError(msg)
        for root in given.bundles:
            asked = [each for each in read_manifest(root).artifacts if each.format in FORMATS]
            for entries in same_tier(asked):
                for entry in entries:
                    row = times.rows.get(f"{entry.sha256} 1")
                    if row is not None:
                        row["shares"] = _shares(_kinds(root, entry, given.runs))
                write_times(given.times, times)
    except PocketMatteError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _shares(ms: Mapping[str, float]) -> dict[str, float]:
    total = sum(ms.values())
    return {kind: round(ms[kind] / total, 4) for kind in sorted(ms)}


def _kinds(root: Path, entry: Artifact, runs: int) -> dict[str, float]:
    spec = tier_of(entry.network, entry.tier).oriented(entry.frame.orientation)
    contract = next(each for each in contracts(spec) if each.name == entry.program)
    values = [value.numpy() for value in example_inputs(contract)]
    measured = _onnx if entry.format == "onnx" else _executorch
    total: defaultdict[str, float] = defaultdict(float)
    for kind, ms in measured(inside(root, entry.path), values, runs):
        total[kind] += ms
    return dict(total)


def _onnx(path: Path, values: list[Any], runs: int) -> Iterator[tuple[str, float]]:
    import onnx
    import onnxruntime

    model = onnx.load(path)
    sizes = {each.name: tuple(each.dims) for each in model.graph.initializer}
    made = {name: node for node in model.graph.node for name in node.output}
    convolutions = {
        node.name: _convolution(node, sizes, made)
        for node in model.graph.node
        if node.op_type == "Conv"
    }
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_profiling, options.log_severity_level = True, 4
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        half = [each.type == "tensor(float16)" for each in session.get_inputs()]
        names = [each.name for each in session.get_inputs()]
        feed = {
            name: value.astype(np.float16) if short else value
            for name, value, short in zip(names, values, half, strict=True)
        }
        for _ in range(runs):
            session.run(None, feed)
        events = json.loads(Path(session.end_profiling()).read_text())
    fastest: dict[tuple[str, str], float] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            operation = event["args"]["op_name"]
            if operation in _CONVOLUTIONS:
                kind = _of_convolution(event, convolutions)
            else:
                kind = _ONNX.get(operation, "elementwise")
            key = event["args"]["node_index"] + event["name"], kind
            fastest[key] = min(fastest.get(key, event["dur"]), event["dur"])
    for (_, kind), microseconds in fastest.items():
        yield kind, microseconds / 1e3


def _convolution(node: Any, sizes: Mapping[str, tuple[int, ...]], made: Mapping[str, Any]) -> str:
    name = node.input[1]
    while name not in sizes:  # behind a DequantizeLinear
        name = made[name].input[0]
    groups = next((each.i for each in node.attribute if each.name == "group"), 1)
    return _kind(groups, sizes[name][2:])


def _kind(groups: int, kernel: tuple[int, ...]) -> str:
    if groups > 1:
        return "depthwise"
    return "pointwise" if all(side == 1 for side in kernel) else "dense"


def _of_convolution(event: Mapping[str, Any], known: Mapping[str, str]) -> str:
    name = _ADDED.sub("", event["name"]).removeprefix("InsertedPrecisionFreeCast_")
    if name in known:
        return known[name]
    shapes = [next(iter(each.values())) for each in event["args"]["input_type_shape"]]
    found = [shape for shape in shapes if len(shape) == 4]
    if len(found) < 2:
        return "dense"
    given, weight = found[:2]
    return _kind(given[1] if weight[1] == 1 and given[1] > 1 else 1, tuple(weight[2:]))


def _executorch(path: Path, values: list[Any], runs: int) -> Iterator[tuple[str, float]]:
    from executorch.devtools import Inspector
    from executorch.extension.pybindings import portable_lib

    module = portable_lib._load_for_executorch(str(path), enable_etdump=True)
    meta = module.method_meta("forward")
    types = {5: torch.float16, 6: torch.float32}
    given = [
        torch.from_numpy(value).to(types[meta.input_tensor_meta(place).dtype()])
        for place, value in enumerate(values)
    ]
    for _ in range(runs):
        module.run_method("forward", given)
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder) / "events.etdp"
        module.write_etdump_result_to_file(str(dump))
        blocks = Inspector(etdump_path=str(dump)).event_blocks
    for event in next(block for block in blocks if block.name == "Execute").events:
        if not event.name.startswith(_WHOLE):
            kind = next((k for part, k in _EXECUTORCH if part in event.name), "elementwise")
            yield kind, min(event.perf_data.raw)


if __name__ == "__main__":
    sys.exit(main())
