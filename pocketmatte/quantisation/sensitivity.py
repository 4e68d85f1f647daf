"""Which blocks of a tier must stay in floating point: found by rounding one at a time.

As in Wu, Judd, Zhang, Isaev, Micikevicius, "Integer Quantization for Deep Learning Inference:
Principles and Empirical Evaluation", 2020, section 5.2: partial quantisation. What ranks a block is
what it does to the matte over clips, never the error of a tensor.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from export.quantisation import Quantisation
from export.quantise import groups
from pocketmatte.quantisation.damage import Damage, damage, excess, true_mattes
from pocketmatte.quantisation.simulation import Scenes, Simulation

OnTrial: TypeAlias = Callable[[str], None]

_MOST_KEPT = 0.75  # of the blocks: with more there is hardly anything left to gain
# For speed: blocks are ranked on one of so many scenes, and of scenes so many frames are played.
_RANKED_ON, _RANKED_FRAMES = 3, 6
TRIED_FRAMES = 12


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
        self._truths = true_mattes(simulation.spec, scenes)

    def __call__(
        self, given: Mapping[str, Quantisation], name: str = "everything"
    ) -> tuple[Damage, float]:
        """Return the damage, and how many times what is allowed it is."""
        rounded = self._simulation.outputs(self._scenes, given)
        found = damage(self._reference, rounded, self._truths)
        self._on_trial(name)
        return found, excess(found, self._simulation.spec, self._simulation.recipe.name)


def search(
    simulation: Simulation,
    quantisations: Mapping[str, Quantisation],
    scenes: Scenes,
    on_trial: OnTrial = lambda _: None,
) -> Found:
    """Keep as few blocks in floating point as the limits allow.

    Every block is rounded alone, on the start of every third scene, counted from the last, and
    ranked by the damage. How many of the worst are kept is found by halving, on the start of all
    scenes: with so many the rest will do, with one less it will not. At most three quarters of them
    are kept: where that is not enough, it is returned with an excess above 1.

    Args:
        simulation: The tier.
        quantisations: Of all its programs, nothing kept.
        scenes: What damage is measured on.
        on_trial: Called with a line after each trial.
    """
    tried = _Trial(simulation, [scene[:TRIED_FRAMES] for scene in scenes], on_trial)
    everything, over = tried(quantisations)
    if over <= 1:
        return Found(
            quantisations=dict(quantisations), all_rounded=everything, damage=everything,
            excess=over, ranking=(),
        )  # fmt: skip
    starts = [scene[:_RANKED_FRAMES] for scene in scenes[::-_RANKED_ON]]
    ranking = _ranking(simulation, quantisations, _Trial(simulation, starts, on_trial))
    too_few, enough = 0, max(int(_MOST_KEPT * len(ranking)), 1)
    held = _without(quantisations, ranking[:enough])
    best, over = tried(held, f"without {enough} of {len(ranking)}")
    while over <= 1 and enough - too_few > 1:
        count = (too_few + enough) // 2
        fewer = _without(quantisations, ranking[:count])
        damaged, times = tried(fewer, f"without {count} of {len(ranking)}")
        if times <= 1:
            held, best, over, enough = fewer, damaged, times, count
        else:
            too_few = count
    return Found(
        quantisations=held, all_rounded=everything, damage=best, excess=over,
        ranking=tuple(ranking),
    )  # fmt: skip


def _without(
    quantisations: Mapping[str, Quantisation], blocks: Sequence[Block]
) -> dict[str, Quantisation]:
    """Return what keeps some blocks, and says why."""
    kept: dict[str, dict[str, str]] = {program: {} for program in quantisations}
    for block in blocks:
        why = f"{block.name} alone is {block.excess:.2g} times what the tier may lose"
        kept[block.program] |= dict.fromkeys(block.weights, why)
    return {
        program: dataclasses.replace(each, kept=kept[program])
        for program, each in quantisations.items()
    }


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
