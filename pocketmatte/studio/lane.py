"""One choice on its way through a source: masks of rounds, followed masks, alphas.

It runs what ``pocketmatte cut`` runs, in a work folder like a cut's: passes that are done are not
computed again, and a script of the same rounds gives the same alphas.
"""

import contextlib
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

from pocketmatte.cut.composing import Masks
from pocketmatte.cut.following import followed, require_alike
from pocketmatte.cut.footage import Footage, in_bytes, shrunk
from pocketmatte.cut.networks import Networks
from pocketmatte.cut.request import Cut
from pocketmatte.cut.rounds import Round
from pocketmatte.cut.run import Progress, alphas_of
from pocketmatte.cut.store import ArrayStore, chunks
from pocketmatte.cut.templates import Templates
from pocketmatte.cut.work import Work
from pocketmatte.matte import orientation_of
from pocketmatte.matting.stretches import stretches
from pocketmatte.pictures import UInt8Array, read_matte, write_image
from pocketmatte.studio.choices import TORCH, Choice, file_bytes
from pocketmatte.studio.meter import Meter
from pocketmatte.studio.reel import Reel
from tiers.errors import UsageError


class Shared:
    """Masks that the page looks at while a job reads them; see ``Masks``."""

    def __init__(self, masks: Masks) -> None:
        self._masks, self._lock = masks, threading.Lock()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of every mask."""
        return self._masks.shape

    def read(self, number: int) -> UInt8Array:
        """Return the mask of a frame."""
        with self._lock:
            return self._masks.read(number)


class Lane:
    """A choice and what it made of rounds so far.

    ``sync`` says which rounds count; ``add``, ``follow`` and ``matte`` compute, and are called from
    one thread. ``mask`` and ``alpha`` may be asked from any.

    Args:
        choice: What runs.
        reel: The frames.
        folder: Of its own.
        bundle: Whose files run, if the choice is of files.
        threads: Of every runtime.
    """

    def __init__(
        self, choice: Choice, reel: Reel, folder: Path, bundle: Path | None, threads: int
    ) -> None:
        self.choice, self._reel = choice, reel
        folder.mkdir(parents=True)
        self._work = Work(folder, resumed=False)
        self._stack = contextlib.ExitStack()
        self.files_of = files = bundle if choice.form != TORCH else None
        self.meter = Meter(None if files is None else lambda name: file_bytes(files, choice, name))
        self._chosen = choice.chosen(bundle, threads)
        held = orientation_of(reel.size_hw)
        self._networks = Networks(self._chosen, held, self._stack, self.meter.watch)
        self._footage: Footage | None = None
        self._small: ArrayStore | None = None  # of the footage: frames that are walked backwards
        self._templates: Templates | None = None
        # rounds whose masks and passes are on disk, undone ones among them
        self._kept: tuple[Round, ...] = ()
        self._length = 0  # of them that count
        self._followed: dict[int, Shared] = {}  # by the number of rounds
        self._alphas: tuple[tuple[Round, ...], Footage, Shared] | None = None
        self._matting: tuple[Round, ...] | None = None  # rounds whose matting was begun

    @property
    def rounds(self) -> tuple[Round, ...]:
        """The rounds whose masks were made and count."""
        return self._kept[: self._length]

    @property
    def is_followed(self) -> bool:
        """Whether all rounds were carried to all frames."""
        return self._length in self._followed

    @property
    def is_reached(self) -> bool:
        """Whether rounds, if not all of them, were carried to all frames."""
        return any(at <= self._length for at in self._followed)

    @property
    def is_matted(self) -> bool:
        """Whether the alphas are those of the rounds that count."""
        return self.matted is not None

    @property
    def matted(self) -> tuple[Footage, Masks] | None:
        """Frames and alphas, where they are those of the rounds that count."""
        held = self._alphas
        if held is None or (self.choice.way != "rvm" and held[0] != self.rounds):
            return None
        return held[1], held[2]

    def sync(self, rounds: Sequence[Round]) -> None:
        """Undo and redo what is kept, as far as it goes with ``rounds``; compute nothing."""
        length = 0
        for kept, wanted in zip(self._kept, rounds, strict=False):
            if kept != wanted:
                break
            length += 1
        if length == self._length:
            return
        self._length = length
        if self._templates is not None:
            for frame in {each.frame for each in self._kept}:
                self._templates.put_back(frame, self._drawn(frame))

    def add(self, this: Round, progress: Progress) -> None:
        """Make the mask of one more round.

        Where it corrects a frame that no round was at before, earlier rounds are followed first:
        what was carried there is what it corrects.

        Raises:
            PocketMatteError: If the mask marks nothing, or a network refuses.
        """
        footage, templates = self._opened()
        known = any(each.frame == this.frame for each in self.rounds)
        before = None
        if self._length and this.strokes and not known and not this.fresh:
            self.follow(progress)
            before = self._followed[self._length]
        footage.keep_template(this.frame, self._reel.picture(this.frame))
        try:
            with progress(1, "picking") as advance:
                made = templates.make(this, before)
                advance("")
            self._forget_from(self._length)
            write_image(self._mask_path(self._length), in_bytes(made))
        except BaseException:  # or the next round would correct a mask that nobody kept
            templates.put_back(this.frame, self._drawn(this.frame))
            raise
        self._kept += (this,)
        self._length += 1

    def replay(self, rounds: Sequence[Round], progress: Progress) -> None:
        """Make what is missing of the masks of ``rounds``."""
        self.sync(rounds)
        for each in rounds[self._length :]:
            self.add(each, progress)

    def follow(self, progress: Progress) -> None:
        """Carry the rounds that count to all frames.

        Raises:
            UsageError: If there is no round.
            PocketMatteError: If a template does not fit, or a network refuses.
        """
        if self.is_followed:
            return
        cut = self._cut()
        footage, _ = self._opened()
        if "fusion" in cut.networks:
            require_alike(self._networks)
        self._keep_backwards(cut, footage, progress)
        with progress(self._steps(cut), "following") as advance:
            masks, _ = followed(cut, self._work, footage, self._networks, lambda: advance(""))
        self._followed = {**self._followed, self._length: Shared(masks)}

    def matte(self, progress: Progress) -> None:
        """Find the alpha of all frames.

        Raises:
            PocketMatteError: See ``pocketmatte.cut.run.alphas_of``.
        """
        if self.is_matted:
            return
        cut = self._cut()
        self._opened()
        if self.choice.way != "rvm":
            self.follow(progress)
        if self._matting not in (None, self.rounds) and self.choice.way != "rvm":
            self._alphas = None
            for name in ("steady", "stfam"):  # of other rounds
                _remove(self._work.path, name)
        self._matting = self.rounds
        footage, alphas = alphas_of(cut, self._reel.source, self._work, self._networks, progress)
        self._alphas = (self.rounds, footage, Shared(alphas))

    def mask(self, number: int) -> UInt8Array | None:
        """Return the mask that a frame has so far, ``(h, w)`` of any size; ``None`` for none."""
        drawn = self._drawn(number)
        if drawn is not None:
            return drawn
        latest = max((at for at in self._followed if at <= self._length), default=None)
        return None if latest is None else self._followed[latest].read(number)

    def close(self) -> None:
        """Close the networks and remove the folder."""
        self._stack.close()
        shutil.rmtree(self._work.path, ignore_errors=True)

    def _cut(self) -> Cut:
        rounds = () if self.choice.way == "rvm" else self.rounds
        if not rounds and self.choice.way != "rvm":
            msg = "no subject yet: find it, or paint over it"
            raise UsageError(msg)
        return Cut(
            source=self._reel.source.path,
            out=self._work.path / "result.webm",
            method=self.choice.method,
            rounds=rounds,
            chosen=self._chosen,
            alpha_of=self.choice.alpha_of,
        )

    def _opened(self) -> tuple[Footage, Templates]:
        if self._footage is None or self._templates is None:
            main = {"stfam": "propagation", "mask": "propagation"}.get(
                self.choice.way, self.choice.way
            )
            size_hw = self._networks[main].spec.output_hw
            self._work.note("truncated", self._reel.truncated)
            self._work.note("count", self._reel.count)
            self._small = self._work.store("frames", (*size_hw, 3))
            self._footage = Footage(
                self._reel.source, self._reel.count, self._small, self._work.path / "templates"
            )
            self._templates = Templates(self._footage, self._networks, self._work)
        return self._footage, self._templates

    def _keep_backwards(self, cut: Cut, footage: Footage, progress: Progress) -> None:
        """Keep frames before the last template small: they are walked backwards."""
        store = self._small
        if store is None:
            msg = "frames are kept of a footage that was opened"
            raise ValueError(msg)
        last = max(each.frame for each in cut.rounds)
        size_hw = store.shape[0], store.shape[1]
        missing = next((n for n in range(last) if n not in store), last)
        pictures = footage.pictures(missing)
        with progress(last - missing, "reading") as advance:
            for part in chunks(range(missing, last)):
                small = []
                for _ in part:
                    small.append(shrunk(next(pictures), size_hw))
                    advance("")
                store.write(part, small)

    def _steps(self, cut: Cut) -> int:
        """Return how many frames all rounds are carried to, templates left out."""
        steps, older = 0, set[int]()
        for index in cut.propagated:
            frame = cut.rounds[index].frame
            steps += sum(len(each.numbers) for each in stretches(frame, older, self._reel.count))
            older.add(frame)
        return steps

    def _forget_from(self, length: int) -> None:
        """Remove what is kept of rounds that were undone and do not come back."""
        gone = range(length, len(self._kept))
        self._kept = self._kept[:length]
        self._followed = {at: masks for at, masks in self._followed.items() if at <= length}
        for index in gone:
            for name in ("template", "forwards", "backwards"):
                _remove(self._work.path, f"round-{index:03}-{name}")

    def _drawn(self, frame: int) -> UInt8Array | None:
        last = next(
            (i for i in reversed(range(self._length)) if self._kept[i].frame == frame), None
        )
        return None if last is None else read_matte(self._mask_path(last))

    def _mask_path(self, index: int) -> Path:
        return self._work.path / f"made-{index:03}.png"


def _remove(folder: Path, name: str) -> None:
    shutil.rmtree(folder / name, ignore_errors=True)
    (folder / f"{name}.npz").unlink(missing_ok=True)
