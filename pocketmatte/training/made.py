"""The videos that a task draws from: made by us, and the user's own beside them."""

import dataclasses
from pathlib import Path

import torch

from pocketmatte.pictures import is_picture
from pocketmatte.training.cache import BACKGROUNDS, INDEX_NAME, STILLS
from pocketmatte.training.composite_videos import CompositeVideos, soft_clips
from pocketmatte.training.compositions import ClipComposer
from pocketmatte.training.folder_videos import FolderVideos
from pocketmatte.training.mixtures import Mixture
from pocketmatte.training.object_videos import ObjectVideos
from pocketmatte.training.pseudo_videos import PseudoVideos
from pocketmatte.training.stages import Stage
from pocketmatte.training.stills import StillFolder
from pocketmatte.training.video import Video, VideoSource
from tiers.errors import MediaError

CLIPS = "clips"  # folder of the user's own clips, beside those of a cache

# How often each kind is drawn; they are shares of those that there are. A folder of many stills
# shows more than what is made up does.
_THINGS, _PEOPLE, _STILLS, _CLIPS, _COMPOSITES = 0.4, 0.3, 0.2, 0.3, 0.2
_MANY, _OF_MANY_STILLS = 200, 0.6
_PEOPLE_ALONE = 0.5  # where made-up things are not wanted; most of many stills are things too


class Beside:
    """A source of one object as one of several, the others of which are nowhere.

    Args:
        source: Of clips of one object.
        objects: How many there are to be.
    """

    def __init__(self, source: VideoSource, objects: int) -> None:
        self._source, self._objects = source, objects

    def video(self, index: int) -> Video:
        """Return one clip."""
        clip = self._source.video(index)
        nobody = torch.zeros_like(clip.alphas).repeat(1, self._objects - 1, 1, 1)
        return dataclasses.replace(clip, alphas=torch.cat((clip.alphas, nobody), 1))


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


def made(
    stage: Stage,
    data: Path | None,
    seed: int,
    objects: int = 1,
    clutter: float = 1.0,
    *,
    things: bool = True,
) -> VideoSource:
    """Return clips of things of any kind that hide one another, and of all that ``data`` has.

    Args:
        stage: Gives the sizes.
        data: Folder with any of ``stills/`` (``image/`` with ``alpha/`` or ``mask/``), ``clips/``
            (``frames/`` with ``alpha/`` or ``masks/``) and ``backgrounds/`` (pictures, and videos
            to compose the clips with ``alpha/`` over), or one that
            ``pocketmatte.training.prepare`` wrote, whose cutouts are used too; ``None`` for
            self-made clips alone.
        seed: Of everything random.
        objects: Objects of a clip; of people there is one, beside whom the others are nowhere.
        clutter: See ``ObjectVideos``.
        things: Whether made-up things of any kind are wanted, beside people, and many stills.

    Raises:
        MediaError: If ``data`` has none of these, or a file in it is damaged.
    """
    cache = data if data is not None and (data / INDEX_NAME).is_file() else None
    stills, clips, backgrounds = (_part(data, name) for name in (STILLS, CLIPS, BACKGROUNDS))
    if data is not None and cache is None and (stills, clips, backgrounds) == (None, None, None):
        msg = (
            f"{data} has none of {STILLS}/, {CLIPS}/ and {BACKGROUNDS}/; put your own there, or "
            "train without --data"
        )
        raise MediaError(msg)
    sizes = (stage.size_hw, stage.length, objects, seed)
    composites: CompositeVideos | None = None
    if clips is not None and backgrounds is not None and soft_clips(clips):
        composites = CompositeVideos(clips, backgrounds, *sizes)
    # Videos alone are of use behind clips only; elsewhere it is told that there are no pictures.
    pictures = backgrounds if composites is None or _has_pictures(backgrounds) else None
    people = Beside(Compositions(stage, cache, seed), objects)
    sources: list[tuple[VideoSource, float]] = [(people, _PEOPLE if things else _PEOPLE_ALONE)]
    if things:
        sources.append((ObjectVideos(*sizes, pictures, clutter), _THINGS))
    if stills is not None:
        held = StillFolder(stills)
        share = _OF_MANY_STILLS if things and len(held) >= _MANY else _STILLS
        sources.append((PseudoVideos(held, *sizes, pictures), share))
    if clips is not None:
        sources.append((FolderVideos(clips, *sizes), _CLIPS))
    if composites is not None:
        sources.append((composites, _COMPOSITES))
    if len(sources) == 1:
        return sources[0][0]
    total = sum(share for _, share in sources)
    return Mixture([each for each, _ in sources], [share / total for _, share in sources], seed)


def _has_pictures(folder: Path | None) -> bool:
    return folder is not None and any(is_picture(path) for path in folder.rglob("*"))


def _part(data: Path | None, name: str) -> Path | None:
    return data / name if data is not None and (data / name).is_dir() else None
