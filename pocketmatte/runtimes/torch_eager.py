"""PyTorch eager on the CPU: what every other runtime is compared with. It loads no file."""

from collections.abc import Mapping

import torch
from torch import nn

from pocketmatte.runtimes.checks import checked_inputs, checked_threads
from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract import ProgramContract


class TorchSession:
    """Run a program as PyTorch does; see ``protocol.Session``.

    Args:
        program: A program of ``tiers.networks``, in evaluation mode.
        contract: Its contract.
        threads: Intra-op threads. PyTorch has one count a process; it is set before each run.
    """

    def __init__(self, program: nn.Module, contract: ProgramContract, threads: int) -> None:
        self._program = program.eval()
        self._contract = contract
        self._threads = checked_threads(threads)
        self._dtype = next((p.dtype for p in program.parameters()), torch.float32)
        torch.set_num_threads(threads)
        self._facts: dict[str, str | int] = {
            "runtime": "torch",
            "version": str(torch.__version__),
            "provider": "eager CPU",
            "threads_requested": threads,
            "threads": torch.get_num_threads(),
        }

    @property
    def facts(self) -> Mapping[str, str | int]:
        """What really runs."""
        return self._facts

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Run the program once; see ``protocol.Session``."""
        arrays = checked_inputs(self._contract, inputs).values()
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        with torch.inference_mode():
            outputs = self._program(*(torch.from_numpy(a).to(self._dtype) for a in arrays))
        return {
            tensor.name: output.to(torch.float32).contiguous().numpy()
            for tensor, output in zip(self._contract.outputs, outputs, strict=True)
        }

    def close(self) -> None:
        """Hold the program no longer."""
        self._program = nn.Identity()
