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
from pocketmatte.quantisation.folding import folded
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
        """Measure what eight bits need to know of each program; see ``observed``.

        Args:
            scenes: What the tier is played over, twice.
            headroom: Share by which spans are wider at either end than what was seen.
        """
        return self.observed(scenes).quantisations(headroom=headroom)

    def observed(self, scenes: Scenes) -> "Observations":
        """Play the tier over scenes and keep, of each, what eight bits need to know.

        States, memories and features are those that the tier itself makes on its way through the
        scenes. Spans are smallest and largest values, and some more: what other scenes go beyond
        is cut off, which costs more than coarser levels do. Shifts are how far a layer's
        output lies, in the mean of each channel, from what it is with rounded weights: the bias
        correction of Nagel et al., "Data-Free Quantization through Weight Equalization and Bias
        Correction", ICCV 2019, measured instead of derived. What rounded inputs shift is left out:
        it is of the scenes that were seen, and made others worse.

        Args:
            scenes: What the tier is played over, twice.
        """
        spans: list[dict[str, _Spans]] = []
        if self.rounds_activations:
            for scene in scenes:
                spans.append({n: _Spans(program.graph) for n, program in self.programs.items()})
                self._go_through(scene, spans[-1])
        found = Observations(self.programs, spans, [])
        rounded = {
            name: _rounded_weights(program.graph, found.spans(name))
            for name, program in self.programs.items()
        }
        for scene in scenes:
            shifts = {
                name: _Shifts(program.graph, rounded[name])
                for name, program in self.programs.items()
            }
            self._go_through(scene, shifts)
            found.shifts.append(shifts)
        return found

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
                held[name] = folded(quantise(graph, quantisations[name]))
        return [list(self._judged(scene, held)) for scene in scenes]

    def _go_through(self, scene: Sequence[Moment], modules: Mapping[str, "_Watching"]) -> None:
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


class Observations:
    """What was seen of each program in each scene.

    Args:
        programs: By name.
        spans: By scene and program; none where activations are not rounded.
        shifts: Likewise.
    """

    def __init__(
        self,
        programs: Mapping[str, Program],
        spans: Sequence[Mapping[str, "_Spans"]],
        shifts: "list[Mapping[str, _Shifts]]",
    ) -> None:
        self._programs, self._spans, self.shifts = programs, spans, shifts

    def spans(
        self, program: str, scenes: slice = slice(None), headroom: float = HEADROOM
    ) -> dict[str, Span]:
        """Return the spans of a program's tensors over some of the scenes."""
        found: dict[str, Span] = {}
        for scene in self._spans[scenes]:
            for name, (low, high) in scene[program].spans.items():
                least, most = found.get(name, (0.0, 0.0))
                found[name] = min(low, least), max(high, most)
        nodes = {node.name: node for node in self._programs[program].graph.graph.nodes}
        return {name: with_headroom(nodes[name], span, headroom) for name, span in found.items()}

    def quantisations(
        self, scenes: slice = slice(None), headroom: float = HEADROOM
    ) -> dict[str, Quantisation]:
        """Return what some of the scenes alone give.

        Args:
            scenes: Which.
            headroom: Share by which spans are wider at either end than what was seen.
        """
        return {
            name: Quantisation(
                spans=self.spans(name, scenes, headroom),
                shifts=_means([scene[name] for scene in self.shifts[scenes]]),
            )
            for name in self._programs
        }


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
    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self._wanted = frozenset(rounded_tensors(graph))
        self.spans: dict[str, Span] = {}

    def look(self, node: fx.Node, result: Tensor) -> None:
        if node.name in self._wanted:
            low, high = self.spans.get(node.name, (0.0, 0.0))
            least, most = useful_span(node)
            span = max(least, float(result.min())), min(most, float(result.max()))
            self.spans[node.name] = min(low, span[0]), max(high, span[1])


def _rounded_weights(graph: fx.GraphModule, spans: Mapping[str, Span]) -> dict[str, Tensor]:
    """Return the weight of each layer, by its name, as eight bits hold it."""
    return {
        layer.name: rounded_weight(
            constant_of(graph, layer),
            least_steps(bias_of(graph, layer), spans.get(layer.given.name)),
        )
        for layer in layers(graph)
    }


class _Shifts(_Watching):
    def __init__(self, graph: fx.GraphModule, weights: Mapping[str, Tensor]) -> None:
        super().__init__(graph)
        self._weights = weights
        self.sums: dict[str, Tensor] = {}
        self.calls: dict[str, int] = {}

    def look(self, node: fx.Node, result: Tensor) -> None:
        if node.name not in self._weights:
            return
        given, _, *others = self.fetch_args_kwargs_from_env(node)[0]
        off = result - torch.ops.aten.conv2d.default(given, self._weights[node.name], *others)
        mean = off.mean((0, 2, 3))
        self.sums[node.name] = self.sums.get(node.name, torch.zeros_like(mean)) + mean
        self.calls[node.name] = self.calls.get(node.name, 0) + 1


def _means(seen: Sequence[_Shifts]) -> dict[str, tuple[float, ...]]:
    """Return the mean of each layer's channels over all calls of all scenes."""
    names = dict.fromkeys(name for each in seen for name in each.sums)
    means = {}
    for name in names:
        own = [each for each in seen if name in each.sums]
        total = torch.stack([each.sums[name] for each in own]).sum(0)
        means[name] = tuple((total / sum(each.calls[name] for each in own)).tolist())
    return means


class _AsModule(nn.Module):
    def __init__(self, interpreter: fx.Interpreter) -> None:
        super().__init__()
        self._interpreter = interpreter

    def forward(self, *inputs: Tensor) -> object:
        return self._interpreter.run(*inputs)
