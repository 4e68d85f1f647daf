"""One run: count, follow or matte, steady, compose; each pass kept before the next begins."""

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from pocketmatte.cut.backgrounds import Background, background_of
from pocketmatte.cut.clock import clock_of
from pocketmatte.cut.composing import Composed, Masks, compose
from pocketmatte.cut.following import followed, references, require_alike
from pocketmatte.cut.footage import Footage, counted
from pocketmatte.cut.networks import Networks
from pocketmatte.cut.passes import Pass, as_found, play, steady
from pocketmatte.cut.players import Rvm, TrimapMatting
from pocketmatte.cut.request import GREEN, Cut
from pocketmatte.cut.rounds import Round
from pocketmatte.cut.sound import Fate, has_sound
from pocketmatte.cut.templates import read_mask
from pocketmatte.cut.work import Work, opened
from pocketmatte.matte import orientation_of
from pocketmatte.media import FrameSource, PictureSource, open_frames
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import MediaError

_FORM = 1  # of the work folder; another one is not gone on with

# Opens a bar for a number of steps and says what they are; yields what is called after each.
Progress: TypeAlias = Callable[
    [int | None, str], contextlib.AbstractContextManager[Callable[[str], None]]
]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CutOut:
    """What was written.

    Attributes:
        out: The file or folder.
        frames: Their number.
        size_hw: Of every frame.
        mean_alpha: Over all frames, in 0..1.
        sound: What became of the sound.
        lost_sound: Whether the source has sound that the output cannot hold.
        truncated: Whether the source was damaged and only its start could be read.
        resumed: Whether an unfinished run was gone on with.
        networks: What ran.
    """

    out: Path
    frames: int
    size_hw: tuple[int, int]
    mean_alpha: float
    sound: Fate
    lost_sound: bool
    truncated: bool
    resumed: bool
    networks: dict[str, object]


def cut_out(cut: Cut, progress: Progress) -> CutOut:
    """Cut the subject out.

    Raises:
        UsageError: If what was given does not fit together.
        PocketMatteError: If something cannot be read, run or written.
    """
    source = open_frames(cut.source)
    background = _background(cut, source)
    for each in cut.rounds:  # before networks are loaded and hours of frames are read
        if each.mask is not None:
            read_mask(each.mask, source.size_hw)
    with contextlib.ExitStack() as stack:
        networks = Networks(cut.chosen, orientation_of(source.size_hw), stack)
        for name in cut.networks:
            networks[name]
        if "fusion" in cut.networks:
            require_alike(networks)
        facts = networks.facts
        with opened(cut.out, _job(cut, source, facts), resume=cut.resume) as work:
            footage, alphas = _alphas(cut, source, work, networks, progress)
            composed = _composed(cut, footage, alphas, background, progress)
            return CutOut(
                out=cut.out,
                frames=footage.count,
                size_hw=source.size_hw,
                mean_alpha=composed.mean_alpha,
                sound=composed.sound,
                lost_sound=has_sound(source) and composed.sound == "none",
                truncated=bool(work.noted("truncated")),
                resumed=work.resumed,
                networks=facts,
            )


def alphas_of(
    cut: Cut, source: FrameSource, work: Work, networks: Networks, progress: Progress
) -> tuple[Footage, Masks]:
    """Follow and matte without writing an output; what lies in ``work`` is not computed again.

    Returns:
        The frames as they were read, and the alpha of each.

    Raises:
        PocketMatteError: If something cannot be read, run or kept.
    """
    return _alphas(cut, source, work, networks, progress)


def _alphas(
    cut: Cut, source: FrameSource, work: Work, networks: Networks, progress: Progress
) -> tuple[Footage, Masks]:
    main = {"propagate": "propagation"}.get(cut.method, cut.method)
    size_hw = networks[main].spec.output_hw
    with _bar(progress, source.count, "reading") as on_frame:
        frames = {each.frame for each in cut.rounds}
        footage = counted(source, work, frames, size_hw, on_frame)
    every = range(footage.count)
    if cut.method == "rvm":
        store = work.store("rvm", size_hw)
        this = Pass(name="rvm", numbers=every, size_hw=size_hw, into=store)
        with _bar(progress, footage.count, "matting") as on_frame:
            play(work, footage, this, Rvm(networks["rvm"]), on_frame, as_found)
        return footage, _steadied(cut, work, footage, store, {}, progress)
    with _bar(progress, None, "following") as on_frame:
        masks, templates = followed(cut, work, footage, networks, on_frame)
    steadied = _steadied(cut, work, footage, masks, templates, progress)
    if "stfam" not in cut.networks:
        return footage, steadied
    trimap, stfam = networks["trimap"], networks["stfam"]
    known = references(templates, footage, trimap.spec.output_hw)
    alphas = work.store("stfam", stfam.spec.output_hw)
    this = Pass(name="stfam", numbers=every, size_hw=stfam.spec.output_hw, into=alphas)
    with _bar(progress, footage.count, "matting") as on_frame:
        player = TrimapMatting(trimap, stfam, known, steadied)
        play(work, footage, this, player, on_frame, as_found)
    return footage, alphas


def _steadied(
    cut: Cut,
    work: Work,
    footage: Footage,
    masks: Masks,
    templates: Mapping[int, FloatArray],
    progress: Progress,
) -> Masks:
    if not cut.frame_fusion:
        return masks
    size_hw = masks.shape[0], masks.shape[1]
    store = work.store("steady", size_hw)
    this = Pass(name="steady", numbers=range(footage.count), size_hw=size_hw, into=store)
    with _bar(progress, footage.count, "steadying") as on_frame:
        steady(work, footage, this, masks, templates.keys(), on_frame)
    return store


def _composed(
    cut: Cut, footage: Footage, alphas: Masks, background: Background | None, progress: Progress
) -> Composed:
    source, kind = footage.source, cut.kind
    kept = kind.container is not None and has_sound(source)
    with _bar(progress, footage.count, "writing") as on_frame:
        return compose(
            footage,
            alphas,
            cut.out,
            kind,
            clock_of(source, footage.count),
            background=background,
            smooth=cut.smooth,
            sound_of=source.path if kept else None,
            on_frame=on_frame,
        )


@contextlib.contextmanager
def _bar(progress: Progress, total: int | None, what: str) -> Iterator[Callable[[], None]]:
    with progress(total, what) as advance:
        yield lambda: advance("")


def _background(cut: Cut, source: FrameSource) -> Background | None:
    given = cut.background
    if given is None:
        given = GREEN if cut.kind.pixels_with_alpha is None else "none"
    return background_of(given, source.size_hw)


def _job(cut: Cut, source: FrameSource, facts: dict[str, object]) -> dict[str, object]:
    """Return everything that decides what is kept in the work folder, and nothing else."""
    paths = source.pictures if isinstance(source, PictureSource) else (source.path,)
    return {
        "form": _FORM,
        "source": _digest(paths),
        "method": cut.method,
        "alpha": cut.alpha_of,
        "fusion": cut.fusion,
        "frame fusion": cut.frame_fusion,
        "memory": cut.memory_every,
        "rounds": [_told(each) for each in cut.rounds],
        "networks": facts,
    }


def _told(this: Round) -> dict[str, object]:
    strokes = [{"positive": s.positive, "points": s.points} for s in this.strokes]
    mask = None if this.mask is None else _digest((this.mask,))
    told: dict[str, object] = {"frame": this.frame, "mask": mask, "strokes": strokes}
    return {**told, "fresh": True} if this.fresh else told


def _digest(paths: tuple[Path, ...]) -> str:
    total = hashlib.sha256()
    try:
        for path in paths:
            with path.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
    except OSError as error:
        msg = f"{error.filename}: cannot be read ({error.strerror}); check the path"
        raise MediaError(msg) from error
    return total.hexdigest()
