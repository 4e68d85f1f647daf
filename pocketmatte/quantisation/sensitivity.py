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
from pocketmatte.quantisation.damage import (
    Damage,
    Figures,
    clip_figures,
    excess,
    least_of,
    of_clips,
    true_mattes,
)
from pocketmatte.quantisation.simulation import Scenes, Simulation
from pocketmatte.runtimes.protocol import FloatArray

OnTrial: TypeAlias = Callable[[str], None]

_MOST_KEPT = 0.75  # of the blocks: with more there is hardly anything left to gain
# For speed: blocks are ranked on one of so many scenes, and of scenes so many frames are played.
_RANKED_ON, _RANKED_FRAMES = 3, 3
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
    """Tries ways to round a tier on some scenes.

    Args:
        simulation: The tier.
        recipe: Whose limits hold.
        scenes: Frames with their true masks.
        reference: The judged outputs in single precision.
        on_trial: See ``search``.
    """

    def __init__(
        self,
        simulation: Simulation,
        recipe: str,
        scenes: Scenes,
        reference: Sequence[Sequence[FloatArray]],
        on_trial: OnTrial,
    ) -> None:
        self._simulation, self._recipe, self._on_trial = simulation, recipe, on_trial
        self._scenes, self._reference = scenes, reference
        self._truths = true_mattes(simulation.spec, scenes)
        self._order = list(range(len(scenes)))  # the worst first, once they have been tried

    def __call__(
        self, given: Mapping[str, Quantisation], name: str = "everything", *, whole: bool = True
    ) -> tuple[Damage, float]:
        """Return the damage, and how many times what is allowed it is.

        Args:
            given: How programs are rounded.
            name: What is tried.
            whole: Whether all scenes are played where the first ones are too much already, which
                gives what the damage is at least.
        """
        scenes = [self._scenes[number] for number in self._order]
        clips: dict[int, Figures] = {}
        found, over = Damage(mad=0.0, flipped=0.0, psnr_db=None), 0.0
        played = self._simulation.played(scenes, given)
        for number, rounded in zip(self._order, played, strict=True):
            truths = self._truths[number] if self._truths else None
            clips[number] = clip_figures(self._reference[number], rounded, truths)
            if not whole:
                found = least_of(list(clips.values()), len(scenes))
                over = excess(found, self._simulation.spec, self._recipe)
                if over > 1:
                    break
        if len(clips) == len(scenes):
            found = of_clips([clips[number] for number in range(len(scenes))])
            over = excess(found, self._simulation.spec, self._recipe)
            self._order.sort(key=lambda number: -clips[number][0])
        self._on_trial(name)
        return found, over


def search(
    simulation: Simulation,
    recipe: str,
    quantisations: Mapping[str, Quantisation],
    scenes: Scenes,
    reference: Sequence[Sequence[FloatArray]],
    on_trial: OnTrial = lambda _: None,
) -> Found:
    """Keep as few blocks in floating point as the limits allow.

    Every block is rounded alone, on the start of every third scene, counted from the last, and
    ranked by the damage. How many of the worst are kept is found by trials on the start of all
    scenes: with so many the rest will do, with one less it will not. At most three quarters of them
    are kept: where that is not enough, it is returned with an excess above 1.

    Args:
        simulation: The tier.
        recipe: Name of the recipe.
        quantisations: Of all its programs, nothing kept.
        scenes: What damage is measured on.
        reference: The judged outputs in single precision, of ``TRIED_FRAMES`` of each at least.
        on_trial: Called with a line after each trial.
    """

    def on(some: slice, frames: int) -> _Trial:
        starts = [scene[:frames] for scene in scenes[some]]
        outputs = [each[:frames] for each in reference[some]]
        return _Trial(simulation, recipe, starts, outputs, on_trial)

    tried = on(slice(None), TRIED_FRAMES)
    everything, over = tried(quantisations)
    if over <= 1:
        return Found(
            quantisations=dict(quantisations), all_rounded=everything, damage=everything,
            excess=over, ranking=(),
        )  # fmt: skip
    few = on(slice(None, None, -_RANKED_ON), _RANKED_FRAMES)
    ranking = _ranking(simulation, quantisations, few)
    held, best, over = _fewest(tried, quantisations, ranking, over)
    return Found(
        quantisations=held, all_rounded=everything, damage=best, excess=over,
        ranking=tuple(ranking),
    )  # fmt: skip


def _fewest(
    tried: _Trial,
    quantisations: Mapping[str, Quantisation],
    ranking: Sequence[Block],
    all_rounded: float,
) -> tuple[dict[str, Quantisation], Damage, float]:
    """Return what keeps as few of the worst blocks as will do, the damage, and its excess.

    From the number that is expected it goes up in growing steps until one will do, and from there
    down. A trial that fails ends early, so that few of them should be ones that will do.

    Args:
        tried: Tries a way to round the tier.
        quantisations: Of all its programs, nothing kept.
        ranking: Its blocks.
        all_rounded: The excess with every block rounded.
    """
    most = max(int(_MOST_KEPT * len(ranking)), 1)
    too_few, step = 0, 1
    count = min(max(_expected(ranking, all_rounded), 1), most)
    found: tuple[dict[str, Quantisation], Damage, float] | None = None
    enough = most
    while found is None or enough - too_few > 1:
        held = _without(quantisations, ranking[:count])
        damaged, over = tried(held, f"without {count} of {len(ranking)}", whole=count == most)
        if over <= 1:
            expected_well = found is None and not too_few
            found, enough = (held, damaged, over), count
            count = enough - 1 if expected_well else _between(too_few, enough)
        elif count == most:
            return held, damaged, over
        else:
            too_few = count
            count = min(count + step, most) if found is None else _between(too_few, enough)
            step *= 2
    return found


def _between(too_few: int, enough: int) -> int:
    """Return a number above one and below the other, rather one that will not do."""
    return too_few + max((enough - too_few) // 3, 1)


def _expected(ranking: Sequence[Block], all_rounded: float) -> int:
    """Return how many of the worst blocks would have to be kept if errors added up in squares."""
    left = sum(block.excess**2 for block in ranking)
    allowed = left / all_rounded**2
    for count, block in enumerate(ranking):
        if left <= allowed:
            return count
        left -= block.excess**2
    return len(ranking)


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
