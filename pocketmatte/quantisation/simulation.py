"""A tier as eight bits compute it, in PyTorch: what every format's files are to compute."""

import abc
import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, fx, nn

from export.levels import least_steps, rounded_weight, useful_span, with_headroom
from export.program import Captured, capture
from export.quantisation import Quantisation, Span
from export.quantise import (
    bias_of,
    constant_of,
    graph_of,
    layers,
    quantise,
    rounded_tensors,
)
from export.quiet import quiet
from export.recipe import recipe as recipe_of
from pocketmatte.lockstep import run_of
from pocketmatte.matting import ROLLOUTS
from pocketmatte.matting.board import Moment
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.runtimes.torch_eager import TorchSession
from tiers.contract import ProgramContract
from tiers.contract_table import contracts, judged_of
from tiers.spec import TierSpec

Scenes: TypeAlias = Sequence[Sequence[Moment]]

HEADROOM = 0.25  # of spans, at either end


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One program of a tier.

    Attributes:
        captured: In single precision.
        graph: Its graph as a module, to look at and to copy.
    """

    captured: Captured
    graph: fx.GraphModule

    @property
    def contract(self) -> ProgramContract:
        """Its contract."""
        return self.captured.contract


class Simulation:
    """All programs of a tier, to be run as they are, observed, or rounded.

    Args:
        spec: The tier, oriented.
        network: Its network with weights.
        recipe: Name of an eight-bit recipe.
        threads: Of PyTorch.
    """

    def __init__(self, spec: TierSpec, network: nn.Module, recipe: str, threads: int) -> None:
        self.spec, self.recipe, self._threads = spec, recipe_of(recipe), threads
        self.programs: dict[str, Program] = {}
        self._judged_name = judged_of(spec)
        for contract in contracts(spec):
            captured = capture(network, spec, contract.name, self.recipe)
            self.programs[contract.name] = Program(captured=captured, graph=graph_of(captured))

    @property
    def rounds_activations(self) -> bool:
        """Whether activations are rounded, beside weights."""
        return self.recipe.eight_bit == "weights and activations"

    def calibrated(self, scenes: Scenes, headroom: float = HEADROOM) -> dict[str, Quantisation]:
        """Measure what eight bits need to know of each program.

        States, memories and features are those that the tier itself makes on its way through the
        scenes. Spans are smallest and largest values, and some more: what other scenes go beyond
        is cut off, which costs more than coarser levels do. Shifts are how far a layer's
        output lies, in the mean of each channel, from what it is with rounded weights: the bias
        correction of Nagel et al., "Data-Free Quantization through Weight Equalization and Bias
        Correction", ICCV 2019, measured instead of derived. What rounded inputs shift is left out:
        it is of the scenes that were seen, and made others worse.

        Args:
            scenes: What the tier is played over, twice.
            headroom: Share by which spans are wider at either end than what was seen.
        """
        spans: dict[str, dict[str, Span]] = {name: {} for name in self.programs}
        if self.rounds_activations:
            watched = {
                name: _Spans(program.graph, spans[name]) for name, program in self.programs.items()
            }
            self._go_through(scenes, watched)
            for seen in watched.values():
                seen.widen(headroom)
        shifts = {
            name: _Shifts(program.graph, spans[name]) for name, program in self.programs.items()
        }
        self._go_through(scenes, shifts)
        return {
            name: Quantisation(spans=spans[name], shifts=shifts[name].means())
            for name in self.programs
        }

    def outputs(
        self, scenes: Scenes, quantisations: Mapping[str, Quantisation] | None = None
    ) -> list[list[FloatArray]]:
        """Return the judged output of every frame of every scene.

        Args:
            scenes: Each begins anew.
            quantisations: By program; those that are missing stay as they are.
        """
        held: dict[str, nn.Module] = {}
        for name, program in self.programs.items():
            held[name] = program.graph
            if quantisations is not None and name in quantisations:
                with quiet():
                    graph = copy.deepcopy(program.graph)
                held[name] = quantise(graph, quantisations[name])
        return [list(self._judged(scene, held)) for scene in scenes]

    def _go_through(self, scenes: Scenes, modules: Mapping[str, "_Watching"]) -> None:
        for scene in scenes:
            for _ in self._judged(scene, {name: _AsModule(m) for name, m in modules.items()}):
                pass

    def _judged(
        self, scene: Sequence[Moment], modules: Mapping[str, nn.Module]
    ) -> Iterator[FloatArray]:
        sessions = {
            name: TorchSession(modules[name], program.contract, self._threads)
            for name, program in self.programs.items()
        }
        run = run_of(sessions)
        for outputs in ROLLOUTS[self.spec.network](self.spec, run, scene):
            yield outputs[self._judged_name]


class _Watching(fx.Interpreter, abc.ABC):
    """Runs a graph and looks at what it computes."""

    def run_node(self, n: fx.Node) -> object:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.look(n, result)
        return result

    @abc.abstractmethod
    def look(self, node: fx.Node, result: Tensor) -> None:
        """Take note of what a node gave."""


class _Spans(_Watching):
    def __init__(self, graph: fx.GraphModule, spans: dict[str, Span]) -> None:
        super().__init__(graph)
        self._wanted, self._spans = frozenset(rounded_tensors(graph)), spans
        self._nodes: dict[str, fx.Node] = {}

    def look(self, node: fx.Node, result: Tensor) -> None:
        if node.name in self._wanted:
            low, high = self._spans.get(node.name, (0.0, 0.0))
            least, most = useful_span(node)
            span = max(least, float(result.min())), min(most, float(result.max()))
            self._spans[node.name] = min(low, span[0]), max(high, span[1])
            self._nodes[node.name] = node

    def widen(self, share: float) -> None:
        """Leave room for what was not seen."""
        for name, node in self._nodes.items():
            self._spans[name] = with_headroom(node, self._spans[name], share)


class _Shifts(_Watching):
    def __init__(self, graph: fx.GraphModule, spans: Mapping[str, Span]) -> None:
        super().__init__(graph)
        self._layers = {layer.name: layer for layer in layers(graph)}
        self._weights = {
            name: rounded_weight(
                constant_of(graph, layer),
                least_steps(bias_of(graph, layer), spans.get(layer.given.name)),
            )
            for name, layer in self._layers.items()
        }
        self._sums: dict[str, Tensor] = {}
        self._calls: dict[str, int] = {}

    def look(self, node: fx.Node, result: Tensor) -> None:
        layer = self._layers.get(node.name)
        if layer is None:
            return
        given, _, *others = self.fetch_args_kwargs_from_env(node)[0]
        off = result - torch.ops.aten.conv2d.default(given, self._weights[node.name], *others)
        mean = off.mean((0, 2, 3))
        self._sums[node.name] = self._sums.get(node.name, torch.zeros_like(mean)) + mean
        self._calls[node.name] = self._calls.get(node.name, 0) + 1

    def means(self) -> dict[str, tuple[float, ...]]:
        """Return the mean of each layer's channels over all calls."""
        return {
            name: tuple((total / self._calls[name]).tolist()) for name, total in self._sums.items()
        }


class _AsModule(nn.Module):
    def __init__(self, interpreter: fx.Interpreter) -> None:
        super().__init__()
        self._interpreter = interpreter

    def forward(self, *inputs: Tensor) -> object:
        return self._interpreter.run(*inputs)
