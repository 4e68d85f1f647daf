"""Every runtime that executes files, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from export.targets import Target
from pocketmatte.runtimes.coreai import CoreAi
from pocketmatte.runtimes.coreml_macos import CoreMlMacOs
from pocketmatte.runtimes.coreml_reference import CoreMlReference
from pocketmatte.runtimes.executorch_xnnpack import ExecuTorchXnnpack
from pocketmatte.runtimes.onnxruntime_cpu import OnnxRuntimeCpu
from pocketmatte.runtimes.protocol import Runtime
from tiers.errors import UsageError

# Core ML's choices of compute units, of which the first is what verify and bench use.
CORE_ML: Mapping[str, Runtime] = MappingProxyType(
    {
        "coreml": CoreMlMacOs(),
        "coreml-cpu": CoreMlMacOs("coreml-cpu", "CPU_ONLY"),
        "coreml-gpu": CoreMlMacOs("coreml-gpu", "CPU_AND_GPU"),
        "coreml-ne": CoreMlMacOs("coreml-ne", "CPU_AND_NE"),
    }
)

# PyTorch eager runs networks, not files: ``torch_eager.TorchSession`` is made from a program.
RUNTIMES: Mapping[str, Runtime] = MappingProxyType(
    {
        "onnxruntime": OnnxRuntimeCpu(),
        "executorch": ExecuTorchXnnpack(),
        **CORE_ML,
        "coreml-reference": CoreMlReference(),
        "coreai": CoreAi(),
    }
)


def runtime(name: str) -> Runtime:
    """Return one runtime.

    Raises:
        UsageError: If there is no such runtime; the message lists those there are.
    """
    try:
        return RUNTIMES[name]
    except KeyError:
        msg = f"no runtime {name!r}; there are {', '.join(RUNTIMES)}"
        raise UsageError(msg) from None


def prover(target: Target) -> Runtime:
    """Return what tells here what a format's files compute: its runtime, or else its evaluator."""
    own = runtime(target.runtime)
    if own.unavailable() and target.evaluator is not None:
        return runtime(target.evaluator)
    return own
