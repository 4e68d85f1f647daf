"""Which frames of a clip follow one another: those that a labelled clip left out are gaps."""

import bisect
import functools
import json
from pathlib import Path

import numpy as np

from pocketmatte.training.clip_reading import opened
from pocketmatte.training.labels import FILE_NAME, FORMAT
from pocketmatte.training.windows import frame_numbers
from tiers.errors import MediaError


def clip_numbers(random: np.random.Generator, path: Path, length: int, gap: int) -> list[int]:
    """Choose frames of a clip with no gap between them, forwards or backwards in time.

    Args:
        random: Source of chance.
        path: The clip's folder.
        length: Frames to choose.
        gap: Largest step between two of them; each step is at least 1.

    Returns:
        ``length`` places of frames in the clip; where all runs are too short, one is run through
        to and fro.

    Raises:
        MediaError: If the clip is not as `open_clip` wants it, or not what its labels say.
    """
    runs = runs_of(path)
    runs = tuple(run for run in runs if len(run) >= length) or runs
    run = runs[0]
    if len(runs) > 1:  # of a clip in one piece no chance is used up
        sizes = np.array([len(each) for each in runs], np.float64)
        run = runs[int(random.choice(len(runs), p=sizes / sizes.sum()))]
    return [run.start + int(place) for place in frame_numbers(random, len(run), length, gap)]


@functools.lru_cache(maxsize=1024)
def runs_of(path: Path) -> tuple[range, ...]:
    """Return the places of frames that follow one another; one run, unless a label says otherwise.

    Raises:
        MediaError: As `clip_numbers`.
    """
    clip = opened(path)
    bounds = _bounds(path / FILE_NAME)
    if bounds is None:
        return (range(len(clip)),)
    try:
        numbers = [int(frame.stem) for frame in clip.frames]
        places = (
            range(bisect.bisect_left(numbers, first), bisect.bisect_right(numbers, last))
            for first, last in bounds
        )
        runs = tuple(run for run in places if run)
    except (TypeError, ValueError):
        runs = ()
    if sum(len(run) for run in runs) != len(clip):
        msg = f"{path / FILE_NAME}: its runs are not of the frames that are there; label them again"
        raise MediaError(msg)
    return runs


def _bounds(path: Path) -> list[list[int]] | None:
    """Read the first and last frame number of each run; ``None`` where no label wrote any."""
    try:
        facts = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        return None
    bounds: list[list[int]] = facts.get("runs", [])
    return bounds
