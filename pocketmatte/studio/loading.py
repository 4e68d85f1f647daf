"""A picture or video that was opened, and what can run on it here."""

import dataclasses
import shlex
from pathlib import Path

from pocketmatte.cut.run import Progress
from pocketmatte.cut.sound import has_sound
from pocketmatte.matte import orientation_of
from pocketmatte.media import open_frames
from pocketmatte.studio.choices import Choice, Engine, engines
from pocketmatte.studio.reel import Reel, wound
from tiers.ladder import LADDERS

_PREFERRED = "t04"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A source that is open.

    Attributes:
        reel: Its frames.
        number: Of the source in its session, from 1.
        name: For people: what has no shape is left out of it.
        sound: Whether it has some.
        engines: What can run networks on it here.
    """

    reel: Reel
    number: int
    name: str
    sound: bool
    engines: tuple[Engine, ...]

    @property
    def argument(self) -> str:
        """The name as a word of a shell: whatever a file is called, it is no command."""
        return shlex.quote(f"./{self.name}" if self.name.startswith("-") else self.name)

    @property
    def first_choices(self) -> tuple[Choice, Choice]:
        """What the panes run to begin with: a middle tier beside the smallest one, in PyTorch."""
        tiers = self.engines[0].tiers["stfam"]
        middle = _PREFERRED if _PREFERRED in tiers else tiers[0]
        return Choice(way="stfam", tier=middle), Choice(way="stfam", tier=tiers[0])


def loaded(path: Path, name: str, number: int, bundle: Path | None, progress: Progress) -> Loaded:
    """Open a source and read it once.

    Args:
        path: The file.
        name: For people.
        number: Of the source in its session.
        bundle: Whose files may run.
        progress: Tells of it.

    Raises:
        MediaError: If it cannot be read.
        BundleError: If the bundle is broken.
    """
    source = open_frames(path)
    with progress(source.count, "reading") as advance:
        reel = wound(source, lambda: advance(""))
    with progress(len(LADDERS), "looking at weights") as advance:
        known = engines(bundle, orientation_of(reel.size_hw), lambda: advance(""))
    shown = "".join(each for each in name if each.isprintable()) or "unnamed"
    return Loaded(reel=reel, number=number, name=shown, sound=has_sound(source), engines=known)
