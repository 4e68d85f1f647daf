"""What a tier costs: multiply-accumulates, parameters, state and peak activation bytes.

Nothing is run on data: the network is built and traced on PyTorch's meta device.
"""

import dataclasses
import functools
import weakref
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from tiers.contract_table import contracts
from tiers.networks import build, programs
from tiers.spec import TierSpec


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """The cost of one frame in which every program of the network runs once.

    Attributes:
        macs: Multiply-accumulates of convolutions and matrix products; additions, activations,
            resizes and element-wise products are not counted.
        params: Elements of all parameters of the network, training-only heads included, as
            publications count them. BatchNorm's running statistics are not parameters.
        state_bytes: All recurrent states at 4 bytes an element.
        peak_activation_bytes: The most that inputs and intermediate tensors occupy at once in
            PyTorch's own order of execution at 4 bytes an element, weights excluded. An upper
            bound for runtimes that plan their memory.
    """

    macs: int
    params: int
    state_bytes: int
    peak_activation_bytes: int

    @property
    def gmacs(self) -> float:
        """Multiply-accumulates in units of 1e9."""
        return self.macs / 1e9


@functools.cache
def cost(spec: TierSpec) -> Cost:
    """Count what one frame costs at ``spec``, over all of its network's programs."""
    with torch.device("meta"):
        network = build(spec).eval().requires_grad_(requires_grad=False)
        own = programs(network, spec)
    flops = peak = 0
    for contract in contracts(spec):
        counter = FlopCounterMode(display=False)  # which forgets when it is entered again
        with torch.no_grad(), counter, _LiveBytes() as live:
            arguments = [torch.empty(t.shape, device="meta") for t in contract.inputs]
            own[contract.name](*arguments)
        flops += counter.get_total_flops()
        peak = max(peak, live.peak)
    states = {
        name: tensor
        for contract in contracts(spec)
        for name, tensor in contract.state_inputs.items()
    }
    return Cost(
        macs=flops // 2,  # a multiply and an add each
        params=sum(parameter.numel() for parameter in network.parameters()),
        state_bytes=4 * sum(_elements(state.shape) for state in states.values()),
        peak_activation_bytes=peak,
    )


def _elements(shape: tuple[int, ...]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total


class _LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follow the storage of every tensor that an operator makes until it is freed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = 0
        self.peak = 0
        self._holders: dict[int, int] = {}

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._follow(leaf)
        return result

    def _follow(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size_bytes = storage._cdata, storage.nbytes()
        holders = self._holders.get(key, 0)
        self._holders[key] = holders + 1
        if not holders:
            self.live += size_bytes
            self.peak = max(self.peak, self.live)
        weakref.finalize(tensor, self._release, key, size_bytes)

    def _release(self, key: int, size_bytes: int) -> None:
        self._holders[key] -= 1
        if not self._holders[key]:
            self.live -= size_bytes
