"""Which blocks of a tier must stay in floating point: found by rounding one at a time.

As in Wu, Judd, Zhang, Isaev, Micikevicius, "Integer Quantization for Deep Learning Inference:
Principles and Empirical Evaluation", 2020, section 5.2: partial quantisation. What ranks a block is
what it does to the matte over clips, never the error of a tensor.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from export.quantisation import Quantisation
from export.quantise import groups
from pocketmatte.matting.board import Moment
from pocketmatte.quantisation.damage import Damage, damage, excess
from pocketmatte.quantisation.simulation import Simulation

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


def search(
    simulation: Simulation,
    quantisations: Mapping[str, Quantisation],
    scenes: Sequence[Sequence[Moment]],
    on_block: Callable[[str], None] = lambda _: None,
) -> Found:
    """Keep as few blocks in floating point as the limits allow.

    Every block is rounded alone and ranked by the damage; then the worst are kept, one after the
    other, until the rest together will do. At most three quarters of them are kept: beyond, what
    was found is returned with an excess above 1.

    Args:
        simulation: The tier.
        quantisations: Of all its programs, nothing kept.
        scenes: What damage is measured on.
        on_block: Called with the name of each block that was tried.
    """
    spec, recipe = simulation.spec, simulation.recipe.name
    reference = simulation.outputs(scenes)

    def tried(given: Mapping[str, Quantisation]) -> tuple[Damage, float]:
        found = damage(reference, simulation.outputs(scenes, given))
        return found, excess(found, spec, recipe)

    everything, over = tried(quantisations)
    if over <= 1:
        return Found(
            quantisations=dict(quantisations), all_rounded=everything, damage=everything,
            excess=over, ranking=(),
        )  # fmt: skip
    every = {
        (program, name): tuple(layer.weight for layer in held)
        for program, each in simulation.programs.items()
        for name, held in groups(each.graph)
    }
    ranking = []
    for (program, name), weights in every.items():
        others = {
            weight: ""
            for (owner, other), held in every.items()
            if owner == program and other != name
            for weight in held
        }
        alone = dataclasses.replace(quantisations[program], kept=others)
        found, times = tried({program: alone})
        ranking.append(
            Block(program=program, name=name, weights=weights, damage=found, excess=times)
        )
        on_block(f"{program} {name}")
    ranking.sort(key=lambda block: (-block.excess, block.program, block.name))
    kept: dict[str, dict[str, str]] = {program: {} for program in quantisations}
    held, best = dict(quantisations), everything
    for count, block in enumerate(ranking, start=1):
        if count > _MOST_KEPT * len(ranking):
            break
        why = f"{block.name} alone is {block.excess:.2g} times what the tier may lose"
        kept[block.program] |= dict.fromkeys(block.weights, why)
        held = {
            program: dataclasses.replace(each, kept=kept[program])
            for program, each in quantisations.items()
        }
        best, over = tried(held)
        on_block(f"without {count} of {len(ranking)}")
        if over <= 1:
            break
    return Found(
        quantisations=held, all_rounded=everything, damage=best, excess=over,
        ranking=tuple(ranking),
    )  # fmt: skip
