"""What eight bits need to know of a program, seen while it runs in single precision."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, fx, nn

from export.levels import least_steps, rounded_weight, useful_span, with_headroom
from export.quantisation import Quantisation, Span
from export.quantise import Layer, bias_of, constant_of, layers, rounded_tensors
from pocketmatte.runtimes.protocol import FloatArray

HEADROOM = 0.25  # of spans, at either end


class Observed(nn.Module):
    """Runs a program's graph, and keeps spans and means of what its layers take.

    Args:
        graph: Of ``export.quantise.graph_of``.
    """

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__()
        self._watching = _Watching(graph)

    def forward(self, *inputs: Tensor) -> object:
        """Run the program."""
        return self._watching.run(*inputs)

    @property
    def spans(self) -> Mapping[str, Span]:
        """Smallest and largest value of the tensors that eight bits round, by name."""
        return self._watching.spans

    @property
    def taps(self) -> Mapping[str, Tensor]:
        """What every tap of a layer sees, ``(C, KH, KW)``, summed over calls, by the layer."""
        return self._watching.taps

    @property
    def calls(self) -> Mapping[str, int]:
        """How often a layer ran."""
        return self._watching.calls


class _Watching(fx.Interpreter):
    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self._wanted = {name: useful_span(node) for name, node in _wanted(graph).items()}
        self._layers = frozenset(layer.name for layer in layers(graph))
        self.spans: dict[str, Span] = {}
        self.taps: dict[str, Tensor] = {}
        self.calls: dict[str, int] = {}

    def run_node(self, n: fx.Node) -> object:
        result = super().run_node(n)
        if n.name in self._wanted and isinstance(result, Tensor):
            least, most = self._wanted[n.name]
            low, high = self.spans.get(n.name, (0.0, 0.0))
            smallest, largest = (float(value) for value in torch.aminmax(result))
            self.spans[n.name] = min(low, max(least, smallest)), max(high, min(most, largest))
        if n.name in self._layers and isinstance(result, Tensor):
            given, weight, _, *geometry = (*self.fetch_args_kwargs_from_env(n)[0], None)[:6]
            seen = tap_means(given, tuple(weight.shape[2:]), tuple(result.shape[2:]), *geometry)
            self.taps[n.name] = self.taps[n.name] + seen if n.name in self.taps else seen
            self.calls[n.name] = self.calls.get(n.name, 0) + 1
        return result


def _wanted(graph: fx.GraphModule) -> dict[str, fx.Node]:
    names = frozenset(rounded_tensors(graph))
    return {node.name: node for node in graph.graph.nodes if node.name in names}


def tap_means(
    given: Tensor,
    kernel_hw: Sequence[int],
    result_hw: Sequence[int],
    stride: Sequence[int] | None = None,
    padding: Sequence[int] | None = None,
    dilation: Sequence[int] | None = None,
) -> Tensor:
    """Return the mean, over all places of a convolution, of what each of its taps sees.

    A convolution is linear, and so is the mean over its places: the mean of what a weight gives is
    the sum of the weight times these, whatever the weight.

    Args:
        given: What the convolution takes, ``(N, C, H, W)``.
        kernel_hw: Rows and columns of its kernel.
        result_hw: Of what it gives.
        stride: By rows and columns; ``None`` for 1.
        padding: Likewise, of zeros at either side; ``None`` for 0.
        dilation: Likewise; ``None`` for 1.

    Returns:
        ``(C, KH, KW)``.
    """
    summed = given
    for axis in (1, 0):  # columns, and what is left of them by rows
        places = result_hw[axis]
        step, before, apart = (
            pair[axis] if pair else default
            for pair, default in ((stride, 1), (padding, 0), (dilation, 1))
        )
        size = given.shape[2 + axis]
        every = [summed[..., phase::step].sum(3) for phase in range(min(step, size))]
        taps = []
        for tap in range(kernel_hw[axis]):
            first = tap * apart - before
            skipped = max(0, math.ceil(-first / step))  # places that see padding
            start, stop = first + skipped * step, min(size, first + (places - 1) * step + 1)
            if start >= stop:
                taps.append(torch.zeros_like(every[0]))
                continue
            phase, last = start % step, start + (stop - 1 - start) // step * step
            missed = summed[..., phase:start:step].sum(3) + summed[..., last + step :: step].sum(3)
            taps.append(every[phase] - missed)
        # (N, C, H, taps), and then (N, C, taps of columns, taps of rows)
        summed = torch.stack(taps, 3).transpose(2, 3) if axis == 1 else torch.stack(taps, 3)
    return summed.mean(0).transpose(1, 2) / (result_hw[0] * result_hw[1])


def shift_of(weight: Tensor, held: Tensor, taps: Tensor) -> Tensor:
    """Return how far a layer's output lies, in the mean of each channel, from what it should be.

    Args:
        weight: ``(O, C / groups, KH, KW)`` in single precision.
        held: The same as eight bits hold it.
        taps: Of ``tap_means``, ``(C, KH, KW)``.

    Returns:
        ``(O,)``, to be added to what the held weight gives.
    """
    inside = weight.shape[1]
    groups = len(taps) // inside
    off = (weight - held).reshape(groups, len(weight) // groups, *weight.shape[1:])
    seen = taps.reshape(groups, inside, *taps.shape[1:])
    return torch.einsum("goikl,gikl->go", off, seen).reshape(-1)


class Observations:
    """What was seen of each program in each scene.

    Args:
        graphs: By program.
        scenes: By scene and program.
        outputs: The judged outputs of the starts of scenes, in single precision.
    """

    def __init__(
        self,
        graphs: Mapping[str, fx.GraphModule],
        scenes: Sequence[Mapping[str, Observed]],
        outputs: list[list[FloatArray]],
    ) -> None:
        self._graphs, self._scenes, self.outputs = graphs, scenes, outputs

    def quantisations(
        self, activations: bool, scenes: slice = slice(None), headroom: float = HEADROOM
    ) -> dict[str, Quantisation]:
        """Return what some of the scenes alone give.

        Spans are smallest and largest values, and some more: what other scenes go beyond is cut
        off, which costs more than coarser levels do. Shifts are how far a layer's output lies, in
        the mean of each channel, from what it is with rounded weights: the bias correction of Nagel
        et al., "Data-Free Quantization through Weight Equalization and Bias Correction", ICCV 2019,
        measured instead of derived. What rounded inputs shift is left out: it is of the scenes that
        were seen, and made others worse.

        Args:
            activations: Whether they are rounded, beside weights.
            scenes: Which.
            headroom: Share by which spans are wider at either end than what was seen.
        """
        return {
            name: self._quantisation(name, activations, scenes, headroom) for name in self._graphs
        }

    def _quantisation(
        self, program: str, activations: bool, scenes: slice, headroom: float
    ) -> Quantisation:
        graph = self._graphs[program]
        seen = [scene[program] for scene in self._scenes[scenes]]
        spans = self._spans(graph, seen, headroom) if activations else {}
        shifts = {
            layer.name: tuple(_shift(graph, layer, spans, seen).tolist())
            for layer in layers(graph)
            if any(layer.name in each.taps for each in seen)
        }
        return Quantisation(spans=spans, shifts=shifts)

    def _spans(
        self, graph: fx.GraphModule, seen: Sequence[Observed], headroom: float
    ) -> dict[str, Span]:
        found: dict[str, Span] = {}
        for each in seen:
            for name, (low, high) in each.spans.items():
                least, most = found.get(name, (0.0, 0.0))
                found[name] = min(low, least), max(high, most)
        nodes = _wanted(graph)
        return {name: with_headroom(nodes[name], span, headroom) for name, span in found.items()}


def _shift(
    graph: fx.GraphModule, layer: Layer, spans: Mapping[str, Span], seen: Sequence[Observed]
) -> Tensor:
    own = [each for each in seen if layer.name in each.taps]
    taps = torch.stack([each.taps[layer.name] for each in own]).sum(0)
    weight = constant_of(graph, layer).detach()
    least = least_steps(bias_of(graph, layer), spans.get(layer.given.name))
    calls = sum(each.calls[layer.name] for each in own)
    return shift_of(weight, rounded_weight(weight, least), taps / calls)
