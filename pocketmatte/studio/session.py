"""What the page works on: a source, rounds that can be undone, two panes, and results."""

import itertools
import threading
from collections.abc import Callable
from pathlib import Path

from export.manifest import read_manifest
from pocketmatte.cut.footage import shrunk
from pocketmatte.cut.rounds import Round
from pocketmatte.cut.run import Progress
from pocketmatte.matting.crop import Stroke
from pocketmatte.pictures import UInt8Array, picture_size_hw, read_picture, write_image
from pocketmatte.studio.choices import Choice, require_runnable
from pocketmatte.studio.exports import exported
from pocketmatte.studio.history import History
from pocketmatte.studio.jobs import Jobs
from pocketmatte.studio.lane import Lane
from pocketmatte.studio.lanes import Lanes
from pocketmatte.studio.loading import Loaded, loaded
from pocketmatte.studio.reel import MOST_PIXELS
from pocketmatte.studio.requests import ExportRequest, Pane
from pocketmatte.studio.results import Results
from pocketmatte.studio.views import shown_hw
from tiers.errors import MediaError, UsageError

BEHIND = "behind.png"  # in the private folder: the background as the page shows it
_MOST_ROUNDS = 500


class Session:
    """All that a user does, from opening a source to taking a result.

    Args:
        folder: Private, for everything that is kept; whoever made it removes it.
        bundle: Whose files may run beside PyTorch.
        threads: Of every runtime.
    """

    def __init__(self, folder: Path, bundle: Path | None, threads: int) -> None:
        if bundle is not None:
            read_manifest(bundle)  # a broken bundle is refused before a page is opened
        self.folder, self.bundle, self._threads = folder, bundle, threads
        self._lock = threading.RLock()
        self._versions, self._version = itertools.count(1), 0
        self.jobs = Jobs(self._changed)
        self.loaded: Loaded | None = None
        self.history = History()
        self.choices: dict[Pane, Choice] = {}
        self._lanes = Lanes()
        self.results = Results(self.new_folder)
        self.background: UInt8Array | None = None
        self.background_version = 0  # grows with each picture that is taken
        self._count = 0  # of folders that were made
        self._sources = 0  # that were opened

    @property
    def version(self) -> int:
        """A number that grows whenever there is something new to tell."""
        return self._version

    @property
    def rounds(self) -> tuple[Round, ...]:
        """The rounds that count, in order."""
        return self.history.rounds

    def required(self) -> Loaded:
        """Return the source.

        Raises:
            UsageError: If none is open.
        """
        if self.loaded is None:
            msg = "nothing is open yet; open a picture or a video first"
            raise UsageError(msg)
        return self.loaded

    def lane(self, pane: Pane) -> Lane | None:
        """Return what a pane's choice made, if it made anything."""
        choice = self.choices.get(pane)
        return None if choice is None else self._lanes.get(choice)

    def open(self, path: Path, name: str, *, uploaded: bool) -> int:
        """Open a source in place of the present one; return the job's number."""

        def work(progress: Progress) -> None:
            try:
                made = loaded(path, name, self._sources + 1, self.bundle, progress)
            except BaseException:
                if uploaded:
                    path.unlink(missing_ok=True)
                raise
            self._close_source()
            left, right = made.first_choices
            with self._lock:
                self.choices, self.history = {"left": left, "right": right}, History()
                self._sources += 1
                self.loaded = made

        return self.jobs.start("opening", work)

    def choose(self, pane: Pane, choice: Choice) -> None:
        """Let a pane run something else.

        Raises:
            UsageError: If nothing here runs it, or a job is at work.
        """
        require_runnable(choice, self.required().engines)
        with self.jobs.idle(), self._lock:
            self.choices = {**self.choices, pane: choice}
            self._sync()
        self._changed()

    def draw(self, frame: int, strokes: tuple[Stroke, ...], *, fresh: bool) -> int:
        """Make a round of strokes, or without any of what stands out, on the left pane."""
        source, choice = self.required(), self.choices["left"]
        if choice.way == "rvm":
            msg = "rvm finds people by itself and takes no strokes; choose another way"
            raise UsageError(msg)
        if not 0 <= frame < source.reel.count:
            msg = f"frame {frame} is no frame of 0 to {source.reel.count - 1}"
            raise UsageError(msg)
        _require_one_frame(choice, {frame, *(each.frame for each in self.rounds)})
        if len(self.rounds) >= _MOST_ROUNDS:
            msg = f"{_MOST_ROUNDS} rounds are the most; undo some"
            raise UsageError(msg)
        this = Round(frame=frame, strokes=strokes, fresh=fresh and bool(strokes))

        def work(progress: Progress) -> None:
            before = self.rounds
            lane = self._opened("left")
            lane.replay(before, progress)
            lane.add(this, progress)
            with self._lock:
                self.history.put((*before, this))
                self._sync()

        return self.jobs.start("picking the subject", work)

    def step_back(self) -> None:
        """Undo the latest round, or the latest clearing."""
        self._moved(self.history.undo)

    def step_forward(self) -> None:
        """Redo what was undone."""
        self._moved(self.history.redo)

    def clear(self) -> None:
        """Take back all rounds; that can be undone."""
        with self.jobs.idle(), self._lock:
            if self.rounds:
                self.history.put(())
                self._sync()
        self._changed()

    def follow(self, pane: Pane) -> int:
        """Carry the subject through all frames; return the job's number."""
        self.required()
        if self.choices[pane].way == "rvm":
            msg = "rvm follows nothing; matte at once"
            raise UsageError(msg)
        _require_one_frame(self.choices[pane], {each.frame for each in self.rounds})

        def work(progress: Progress) -> None:
            lane = self._opened(pane)
            lane.replay(self.rounds, progress)
            lane.follow(progress)

        return self.jobs.start("following the subject", work)

    def matte(self, pane: Pane) -> int:
        """Find all alphas; return the job's number."""
        self.required()
        _require_one_frame(self.choices[pane], {each.frame for each in self.rounds})

        def work(progress: Progress) -> None:
            lane = self._opened(pane)
            if lane.choice.way != "rvm":
                lane.replay(self.rounds, progress)
            lane.matte(progress)

        return self.jobs.start("matting", work)

    def export(self, request: ExportRequest) -> int:
        """Write a result; return the job's number.

        Raises:
            UsageError: If the pane has nothing to write.
        """
        source, lane = self.required(), self.lane(request.pane)
        if lane is None:
            msg = f"the {request.pane} pane has made nothing yet; pick a subject, or run it"
            raise UsageError(msg)

        def work(progress: Progress) -> None:
            lane.sync(self.rounds)
            self.results.add(
                lambda place: exported(
                    request, lane, source.reel, source.name, self.background, place, progress
                )
            )

        return self.jobs.start("writing", work)

    def set_background(self, path: Path) -> None:
        """Take a picture to lay behind the subject.

        Raises:
        MediaError: If it is none, or too large.
        """
        height, width = picture_size_hw(path)
        if height * width > MOST_PIXELS:
            msg = (
                f"the picture is {width}x{height}; {MOST_PIXELS} pixels are the most: scale it down"
            )
            raise MediaError(msg)
        picture = read_picture(path)
        write_image(self.folder / BEHIND, shrunk(picture, shown_hw(picture.shape[:2])))
        self.background = picture
        self.background_version += 1
        self._changed()

    def without_folder(self, text: str) -> str:
        """Return a text without the private folder's path: a file inside has a name, no more."""
        return text.replace(f"{self.folder}/", "")

    def new_folder(self, name: str) -> Path:
        """Return a new folder inside the private one."""
        with self._lock:
            self._count += 1
            path = self.folder / f"{name}-{self._count}"
        path.mkdir()
        return path

    def close(self) -> None:
        """Stop what runs and close everything."""
        self.jobs.close()
        self._close_source()

    def _moved(self, move: Callable[[], None]) -> None:
        with self.jobs.idle(), self._lock:
            move()
            self._sync()
        self._changed()

    def _sync(self) -> None:
        self._lanes.sync(self.rounds, self.choices.values())

    def _opened(self, pane: Pane) -> Lane:
        """Return a pane's lane, made where there is none."""

        def make(choice: Choice) -> Lane:
            folder = self.new_folder("lane") / "work"
            return Lane(choice, self.required().reel, folder, self.bundle, self._threads)

        return self._lanes.opened(self.choices[pane], self.choices.values(), make)

    def _close_source(self) -> None:
        with self._lock:
            gone, self.loaded = self.loaded, None
        self._lanes.close()
        self.results.clear()
        if gone is not None:
            gone.reel.close()
            path = gone.reel.source.path
            if path.parent.parent == self.folder:  # it was uploaded
                path.unlink(missing_ok=True)

    def _changed(self) -> None:
        self._version = next(self._versions)


def _require_one_frame(choice: Choice, frames: set[int]) -> None:
    if choice.way == "matanyone" and len(frames) > 1:
        told = ", ".join(map(str, sorted(frames)))
        msg = f"matanyone starts from one frame, not {told}; undo some rounds, or change the way"
        raise UsageError(msg)
