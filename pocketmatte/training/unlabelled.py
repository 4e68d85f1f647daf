"""Frames without mattes: videos, pictures, and folders of them."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from pocketmatte.media import FrameSource, open_frames
from pocketmatte.pictures import is_picture
from pocketmatte.training.footage import find_footage
from tiers.errors import MediaError, UsageError


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Footage:
    """Frames that are to become a clip.

    Attributes:
        name: Of the clip.
        frames: What they are read from.
    """

    name: str
    frames: FrameSource


def find_unlabelled(paths: Sequence[Path], *, apart: bool) -> list[Footage]:
    """Open videos, pictures, folders of pictures, and folders of all these.

    The pictures of a folder are the frames of one clip, those in ``frames/`` too; a folder in the
    given one is another clip.

    Args:
        paths: Where to look.
        apart: Whether the pictures of a folder are no clip, but each one by itself.

    Raises:
        MediaError: If there is nothing, or something cannot be read.
        UsageError: If two would have one name.
    """
    found: dict[str, Footage] = {}
    for path in paths:
        for each in _of(path, apart=apart):
            if each.name in found:
                known = found[each.name].frames.path
                msg = f"{each.frames.path} and {known} would both be {each.name}; rename one"
                raise UsageError(msg)
            found[each.name] = each
    return list(found.values())


def _of(path: Path, *, apart: bool) -> Iterator[Footage]:
    if not path.is_dir():
        yield Footage(name=path.stem, frames=open_frames(path))
        return
    if (path / "frames").is_dir():
        yield from _pictures(path.resolve().name, path / "frames", apart=apart)
        return
    try:
        footage = find_footage(path)
    except MediaError:
        msg = f"{path}: no frames; put videos, pictures or folders of pictures into it"
        raise MediaError(msg) from None
    if any(is_picture(each) for each in footage):
        yield from _pictures(path.resolve().name, path, apart=apart)
    for each in footage:
        if each.is_dir():
            name = each.parent.name if each.name == "frames" else each.name
            yield from _pictures(name, each, apart=apart)
        elif not is_picture(each):
            yield Footage(name=each.stem, frames=open_frames(each))


def _pictures(name: str, folder: Path, *, apart: bool) -> Iterator[Footage]:
    """Yield the pictures of a folder: one clip, or each by itself."""
    if not apart:
        yield Footage(name=name, frames=open_frames(folder))
        return
    for each in sorted(folder.iterdir()):
        if is_picture(each):
            yield Footage(name=f"{name}-{each.stem}", frames=open_frames(each))
