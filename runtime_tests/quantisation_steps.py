"""``python -m runtime_tests.quantisation_steps NETWORK --tier t04``: what each step buys.

Rounds a tier in PyTorch, one step of the method after the other, and prints the damage to what
people see: on the calibration scenes, and on the standard scene, which no step has seen.
"""

import argparse
import dataclasses
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from export.quantisation import Quantisation
from export.recipe import RECIPES
from export.recipe import recipe as recipe_of
from pocketmatte.console import note, stdout, table
from pocketmatte.quantisation.calibration_set import calibration_scenes
from pocketmatte.quantisation.damage import Damage, damage, true_mattes
from pocketmatte.quantisation.observing import HEADROOM
from pocketmatte.quantisation.sensitivity import search
from pocketmatte.quantisation.simulation import Scenes, Simulation
from pocketmatte.scene import standard_scene
from tiers.errors import PocketMatteError
from tiers.ladder import LADDERS, tier
from tiers.weights import default, load, network_of

_EIGHT_BIT = tuple(name for name, row in RECIPES.items() if not row.floating)
_FRAMES = 52  # of the standard scene, as verify takes
_START = 6  # frames


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m runtime_tests.quantisation_steps", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("network", choices=LADDERS)
    parser.add_argument("--tier", default="t04", help="one row (default: t04)")
    parser.add_argument("--recipe", choices=_EIGHT_BIT, default="w8a8")
    parser.add_argument("--weights", type=Path, help="checkpoint (default: the shipped one)")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        rows = steps(given.network, given.tier, given.recipe, given.weights)
    except PocketMatteError as error:
        note(str(error))
        return 2
    cells = [
        (name, *(f"{value:.2f}" for each in (seen, unseen) for value in _figures(each)))
        for name, seen, unseen in rows
    ]
    columns = (
        "step", "MAD x 1e3", "rise x 1e3", "flipped x 1e3", "dB",
        "unseen: MAD", "rise", "flipped", "dB",
    )  # fmt: skip
    stdout.print(table(f"{given.network} {given.tier} {given.recipe}", columns, cells))
    return 0


def steps(
    network: str, name: str, recipe: str, weights: Path | None
) -> list[tuple[str, Damage, Damage]]:
    """Return the name of each step, and damage on the calibration and on the standard scene."""
    spec = tier(network, name)
    held = default(spec) if weights is None else load(weights, network)
    simulation = Simulation(spec, network_of(spec, held), 1)
    scenes = list(calibration_scenes(spec).values())
    unseen = [list(standard_scene(spec, _FRAMES))]
    places: tuple[Scenes, Scenes] = (scenes, unseen)
    activations = recipe_of(recipe).eight_bit == "weights and activations"
    references = [simulation.outputs(each) for each in places]
    truths = [true_mattes(spec, each) for each in places]

    def damages(tried: Mapping[str, Quantisation]) -> tuple[Damage, Damage]:
        found = [
            damage(reference, simulation.outputs(each, tried), truth)
            for reference, each, truth in zip(references, places, truths, strict=True)
        ]
        return found[0], found[1]

    def plain(made: Mapping[str, Quantisation]) -> dict[str, Quantisation]:
        return {key: dataclasses.replace(each, shifts={}) for key, each in made.items()}

    starts = [scene[:_START] for scene in scenes]
    seen = simulation.observed(starts).quantisations(activations, headroom=0.0)
    rows = [("rounded, spans of the scenes' starts", *damages(plain(seen)))]
    if any(len(scene) > _START for scene in scenes):
        seen = simulation.observed(scenes).quantisations(activations, headroom=0.0)
        rows.append(("and of whole scenes", *damages(plain(seen))))
    made = simulation.observed(scenes).quantisations(activations)
    rows.append((f"and {HEADROOM:.0%} wider", *damages(plain(made))))
    rows.append(("and biases shifted", *damages(made)))
    found = search(simulation, recipe, made, scenes, references[0], on_trial=note)
    kept = sum(len(each.kept) for each in found.quantisations.values())
    layers = sum(len(each.shifts) for each in made.values())
    rows.append((f"and {kept} of {layers} layers kept", *damages(found.quantisations)))
    return rows


def _figures(found: Damage) -> tuple[float, float, float, float]:
    decibels = math.inf if found.psnr_db is None else found.psnr_db
    return 1e3 * found.mad, 1e3 * found.rise, 1e3 * found.flipped, decibels


if __name__ == "__main__":
    sys.exit(main())
