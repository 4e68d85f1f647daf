"""The values inside a captured program, computed by PyTorch in single precision."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch.fx import Interpreter, Node

from export.program import Captured
from pocketmatte.runtimes.checks import checked_inputs
from pocketmatte.runtimes.protocol import FloatArray


class TorchTaps:
    """See ``protocol.Taps``.

    Args:
        captured: The program, in fp32: what every file is compared with.
    """

    def __init__(self, captured: Captured) -> None:
        self._contract = captured.contract
        self._module = captured.exported.module()
        ends = captured.exported.graph_signature.user_outputs
        promised = (tensor.name for tensor in captured.contract.outputs)
        self._ends: dict[str, list[str]] = {}  # one value may be several outputs
        for end, name in zip(ends, promised, strict=True):
            self._ends.setdefault(str(end), []).append(name)
        self._kinds = {
            name: str(node.target)
            for node in self._module.graph.nodes
            if node.op == "call_function"
            for name in self._ends.get(node.name, [node.name])
        }

    @property
    def kinds(self) -> Mapping[str, str]:
        """See ``protocol.Taps``; outputs go by the contract's names."""
        return self._kinds

    def run(
        self, inputs: Mapping[str, FloatArray], wanted: Collection[str]
    ) -> dict[str, FloatArray]:
        """See ``protocol.Taps``."""
        given = [torch.from_numpy(each) for each in checked_inputs(self._contract, inputs).values()]
        listener = _Listener(self._module, self._ends, frozenset(wanted))
        with torch.inference_mode():
            listener.run(*given)
        return listener.heard


class _Listener(Interpreter):
    def __init__(
        self,
        module: torch.fx.GraphModule,
        ends: Mapping[str, Sequence[str]],
        wanted: frozenset[str],
    ) -> None:
        super().__init__(module)
        self._ends, self._wanted = ends, wanted
        self.heard: dict[str, FloatArray] = {}

    def run_node(self, node: Node) -> Any:
        value = super().run_node(node)
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            for name in self._wanted.intersection(self._ends.get(node.name, [node.name])):
                self.heard[name] = value.float().numpy().copy()
        return value
