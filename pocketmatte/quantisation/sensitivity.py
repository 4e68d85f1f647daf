"""Which blocks of a tier must stay in floating point: found by rounding one at a time.

As in Wu, Judd, Zhang, Isaev, Micikevicius, "Integer Quantization for Deep Learning Inference:
Principles and Empirical Evaluation", 2020, section 5.2: partial quantisation. What ranks a block is
what it does to the matte over clips, never the error of a tensor.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import TypeAlias

from export.quantisation import Quantisation
from export.quantise import groups
from pocketmatte.quantisation.damage import Damage, damage, excess
from pocketmatte.quantisation.simulation import Scenes, Simulation

OnTrial: TypeAlias = Callable[[str], None]

_MOST_KEPT = 0.75  # of the blocks: with more there is hardly anything left to gain


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A block of a program, and what rounding it alone does.

    Attributes:
        program: Name of the program.
        name: Of the block, as the network's modules are named.
        weights: Names of its layers' weights.
        damage: To the judged output.
        excess: Times what is allowed of the whole tier.
    """

    program: str
    name: str
    weights: tuple[str, ...]
    damage: Damage
    excess: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a search came to.

    Attributes:
        quantisations: By program, with what they keep.
        all_rounded: Damage with every block rounded.
        damage: With these.
        excess: Times what is allowed; above 1 the search failed.
        ranking: Every block, the most sensitive first; empty where nothing had to be kept.
    """

    quantisations: Mapping[str, Quantisation]
    all_rounded: Damage
    damage: Damage
    excess: float
    ranking: tuple[Block, ...]

    @property
    def mixed(self) -> bool:
        """Whether anything is kept."""
        return any(each.kept for each in self.quantisations.values())


class _Trial:
    """Tries ways to round a tier on some scenes."""

    def __init__(self, simulation: Simulation, scenes: Scenes, on_trial: OnTrial) -> None:
        self._simulation, self._scenes, self._on_trial = simulation, scenes, on_trial
        self._reference = simulation.outputs(scenes)

    def __call__(
        self, given: Mapping[str, Quantisation], name: str = "everything"
    ) -> tuple[Damage, float]:
        """Return the damage, and how many times what is allowed it is."""
        found = damage(self._reference, self._simulation.outputs(self._scenes, given))
        self._on_trial(name)
        return found, excess(found, self._simulation.spec, self._simulation.recipe.name)


def search(
    simulation: Simulation,
    quantisations: Mapping[str, Quantisation],
    scenes: Scenes,
    on_trial: OnTrial = lambda _: None,
) -> Found:
    """Keep as few blocks in floating point as the limits allow.

    Every block is rounded alone and ranked by the damage; then the worst are kept, one after the
    other, until the rest together will do. At most three quarters of them are kept: beyond, what
    was found is returned with an excess above 1.

    Args:
        simulation: The tier.
        quantisations: Of all its programs, nothing kept.
        scenes: What damage is measured on.
        on_trial: Called with a line after each trial.
    """
    tried = _Trial(simulation, scenes, on_trial)
    everything, over = tried(quantisations)
    held, best, ranking = dict(quantisations), everything, list[Block]()
    if over > 1:
        ranking = _ranking(simulation, quantisations, tried)
    kept: dict[str, dict[str, str]] = {program: {} for program in quantisations}
    for count, block in enumerate(ranking[: int(_MOST_KEPT * len(ranking))], start=1):
        why = f"{block.name} alone is {block.excess:.2g} times what the tier may lose"
        kept[block.program] |= dict.fromkeys(block.weights, why)
        held = {
            program: dataclasses.replace(each, kept=kept[program])
            for program, each in quantisations.items()
        }
        best, over = tried(held, f"without {count} of {len(ranking)}")
        if over <= 1:
            break
    return Found(
        quantisations=held, all_rounded=everything, damage=best, excess=over,
        ranking=tuple(ranking),
    )  # fmt: skip


def _ranking(
    simulation: Simulation, quantisations: Mapping[str, Quantisation], tried: _Trial
) -> list[Block]:
    """Round every block alone; the most sensitive comes first."""
    found = []
    for program, each in simulation.programs.items():
        blocks = {name: tuple(layer.weight for layer in held) for name, held in groups(each.graph)}
        for name, weights in blocks.items():
            others = {weight: "" for other in blocks if other != name for weight in blocks[other]}
            alone = dataclasses.replace(quantisations[program], kept=others)
            damaged, times = tried({program: alone}, f"{program} {name}")
            found.append(
                Block(program=program, name=name, weights=weights, damage=damaged, excess=times)
            )
    return sorted(found, key=lambda block: (-block.excess, block.program, block.name))
