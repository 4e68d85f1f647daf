"""Seeded initial weights under which every layer's signal reaches the output.

Layer-sequential unit variance (Mishkin and Matas, "All you need is a good init", ICLR 2016): the
network runs on seeded inputs, and every convolution is scaled where the signal passes it. What a
program remembers, reads and shows then has a spread that a wrong file shows in. The inputs are
several pictures of more contrast than real ones: gates and hard swishes pass a large signal better
than a small one, and a network that was measured on one picture runs away on another.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tiers.contract_table import contracts
from tiers.example_inputs import drawn
from tiers.networks import build, programs
from tiers.spec import TierSpec

_SEED = 20210711  # any number would do, a fixed one makes builds repeat
# Standard deviation that outputs of convolutions are brought near. With 1 the softmax and the gates
# of seeded networks amplify the rounding of half precision beyond its limits.
SPREAD = 0.7
DRAWS = 8  # sets of inputs that it is measured on
_MOST = SPREAD * 2**0.5  # on any of them
_PLANES = 8  # a convolution of no more channels than these sees pictures and masks, not features


def seeded(spec: TierSpec) -> nn.Module:
    """Return the network of ``spec`` with seeded weights, of which every program's signal is alive.

    Each convolution that a program runs is scaled to an output of ``SPREAD``, within a root of two,
    on the first of ``DRAWS`` sets of inputs, and then down wherever another set gives more. Scales
    are powers of two, which round nothing and so come out the same however the spread was added up,
    unless it lies exactly between two of them. Both orientations of a row have the same weights.
    """
    spec = spec.oriented("landscape")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        network = build(spec).eval()
        layers = [
            module
            for module in network.modules()
            if isinstance(module, nn.Conv2d) and not _is_box_filter(module)
        ]
        swish = any(isinstance(module, nn.Hardswish) for module in network.modules())
        for layer in layers:
            nn.init.normal_(layer.weight, std=layer.weight[0].numel() ** -0.5)
            if swish and layer.groups == 1 and layer.in_channels > _PLANES:
                _centre(layer.weight)
    hooks = [layer.register_forward_hook(_Scale()) for layer in layers]
    for draw in range(DRAWS):
        run_once(network, spec, draw)
    for hook in hooks:
        hook.remove()
    return network


def run_once(network: nn.Module, spec: TierSpec, draw: int) -> None:
    """Run every program of ``network`` on a set of inputs; what one gives the next ones take."""
    own = programs(network, spec)
    known: dict[str, Tensor] = {}
    generator = torch.Generator().manual_seed(_SEED + draw)
    with torch.inference_mode(), _one_thread():
        for contract in contracts(spec):
            given = [
                known[tensor.name] if tensor.name in known else drawn(tensor, generator)
                for tensor in contract.inputs
            ]
            outputs = own[contract.name](*given)
            known |= {t.name: value for t, value in zip(contract.outputs, outputs, strict=True)}
            known |= {pair.input: known[pair.output] for pair in contract.states}


@torch.no_grad()
def _centre(weight: Tensor) -> None:
    """Let every filter add up to 0, so that it does not see what all its channels have in common.

    Activations are more often positive than negative. Behind hard swishes, which pass a large mean
    better than a small one, it would grow from layer to layer where no BatchNorm takes it away:
    weight standardisation, Qiao et al. 2019, arXiv 1903.10520. Behind ReLU, which passes all sizes
    alike, there is no need, and differences of large numbers would amplify rounding.
    """
    exact = weight.double()  # the same mean in whatever order it is added up
    weight.copy_(exact - exact.mean(dim=(1, 2, 3), keepdim=True))


class _Scale:
    """Forward hook that scales a convolution by what it gives the first time, then only down."""

    def __init__(self) -> None:
        self._scaled = False

    def __call__(self, layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        if output.numel() < 2:
            return None
        found = float(output.std())
        if not found or (self._scaled and found <= _MOST):
            return None
        scale = 2.0 ** math.floor(math.log2(_MOST / found))  # to more than half of it
        self._scaled = True
        for parameter in layer.parameters():
            parameter.mul_(scale)
        return output * scale


@contextmanager
def _one_thread() -> Iterator[None]:
    """Add up in the same order whatever the number of threads is."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _is_box_filter(layer: nn.Conv2d) -> bool:
    """Whether all weights are one value: nothing to be learnt, unless they begin at 0."""
    low, high = layer.weight.aminmax()
    return layer.weight.numel() > 1 and bool(low == high != 0)
