"""A tier as eight bits compute it, in PyTorch: what every format's files are to compute."""

import copy
import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import torch
from torch import fx, nn

from export.program import Captured, capture
from export.quantisation import Quantisation
from export.quantise import graph_of, quantise
from export.quiet import quiet
from export.recipe import recipe as recipe_of
from pocketmatte.lockstep import run_of
from pocketmatte.matting import ROLLOUTS
from pocketmatte.matting.board import Moment
from pocketmatte.quantisation.folding import folded
from pocketmatte.quantisation.observing import Observations, Observed
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.runtimes.torch_eager import TorchSession
from tiers.contract import ProgramContract
from tiers.contract_table import contracts, judged_of
from tiers.spec import TierSpec

Scenes: TypeAlias = Sequence[Sequence[Moment]]

_CAPTURED_IN = "fp32"  # eight bits are made of the same capture


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
        threads: Of PyTorch.
    """

    def __init__(self, spec: TierSpec, network: nn.Module, threads: int) -> None:
        self.spec, self._threads = spec, threads
        self.programs: dict[str, Program] = {}
        self._judged_name = judged_of(spec)
        for contract in contracts(spec):
            captured = capture(network, spec, contract.name, recipe_of(_CAPTURED_IN))
            graph = _channels_last(graph_of(captured))
            self.programs[contract.name] = Program(captured=captured, graph=graph)

    def observed(self, scenes: Scenes, kept: int = 0) -> Observations:
        """Play the tier over scenes and keep, of each, what eight bits need to know.

        States, memories and features are those that the tier itself makes on its way through the
        scenes.

        Args:
            scenes: What the tier is played over, once.
            kept: Of how many frames of a scene the judged output is kept.
        """
        graphs = {name: program.graph for name, program in self.programs.items()}
        seen: list[dict[str, Observed]] = []
        outputs: list[list[FloatArray]] = []
        for scene in scenes:
            seen.append({name: Observed(graph) for name, graph in graphs.items()})
            outputs.append([])
            for number, judged in enumerate(self._judged(scene, seen[-1])):
                if number < kept:
                    outputs[-1].append(judged)
        return Observations(graphs, seen, outputs)

    def outputs(
        self, scenes: Scenes, quantisations: Mapping[str, Quantisation] | None = None
    ) -> list[list[FloatArray]]:
        """Return the judged output of every frame of every scene; see ``played``."""
        return list(self.played(scenes, quantisations))

    def played(
        self, scenes: Scenes, quantisations: Mapping[str, Quantisation] | None = None
    ) -> Iterator[list[FloatArray]]:
        """Yield the judged output of every frame, scene by scene.

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
                held[name] = _channels_last(folded(quantise(graph, quantisations[name])))
        for scene in scenes:
            yield list(self._judged(scene, held))

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


def _channels_last(graph: fx.GraphModule) -> fx.GraphModule:
    """Lay weights out, in place, channels last, which convolutions on x86 take faster."""
    for held in itertools.chain(graph.parameters(), graph.buffers()):
        if held.dim() == 4:
            held.data = held.data.contiguous(memory_format=torch.channels_last)
    return graph
