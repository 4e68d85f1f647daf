"""The videos that a task draws from: made by us, and the user's own beside them."""

from pathlib import Path

from pocketmatte.training.compositions import ClipComposer
from pocketmatte.training.mixtures import Mixture
from pocketmatte.training.object_videos import ObjectVideos
from pocketmatte.training.stages import Stage
from pocketmatte.training.video import Video, VideoSource

_PEOPLE_SHARE = 0.4  # of the clips, where one object is asked for


class Compositions:
    """``ClipComposer``'s people and cutouts as a ``VideoSource`` of one object.

    Args:
        stage: Gives the sizes.
        data: Folder that ``pocketmatte.training.prepare`` made, or ``None``.
        seed: Of everything random.
    """

    def __init__(self, stage: Stage, data: Path | None, seed: int) -> None:
        self._composer = ClipComposer(
            data, frame_hw=stage.size_hw, clip_length=stage.length, seed=seed
        )

    def video(self, index: int) -> Video:
        """Return one clip."""
        clip = self._composer.clip(index)
        return Video(frames=clip.frames, alphas=clip.alpha, foreground=clip.foreground)


def things_and_people(stage: Stage, data: Path | None, seed: int) -> VideoSource:
    """Return clips of one subject: made-up things of any kind, drawn people, cutouts of ``data``.

    Args:
        stage: Gives the sizes.
        data: As of ``Compositions``.
        seed: Of everything random.
    """
    things = ObjectVideos(stage.size_hw, stage.length, 1, seed)
    people = Compositions(stage, data, seed)
    return Mixture((things, people), (1 - _PEOPLE_SHARE, _PEOPLE_SHARE), seed)


def moving_things(stage: Stage, data: Path | None, seed: int, objects: int) -> VideoSource:
    """Return clips of made-up things that hide one another, and of one person where one is asked.

    Args:
        stage: Gives the sizes.
        data: As of ``Compositions``.
        seed: Of everything random.
        objects: Objects of a clip.
    """
    if objects == 1:
        return things_and_people(stage, data, seed)
    return ObjectVideos(stage.size_hw, stage.length, objects, seed)
