"""Every runtime that executes files, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from pocketmatte.runtimes.coreml_macos import CoreMlMacOs
from pocketmatte.runtimes.executorch_xnnpack import ExecuTorchXnnpack
from pocketmatte.runtimes.onnxruntime_cpu import OnnxRuntimeCpu
from pocketmatte.runtimes.protocol import Runtime
from tiers.errors import UsageError

# PyTorch eager runs networks, not files: ``torch_eager.TorchSession`` is made from a program.
RUNTIMES: Mapping[str, Runtime] = MappingProxyType(
    {
        "onnxruntime": OnnxRuntimeCpu(),
        "executorch": ExecuTorchXnnpack(),
        "coreml": CoreMlMacOs(),
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
