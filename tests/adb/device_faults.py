"""What can go wrong on the device server: each fault is set before a run and strikes in it."""

import dataclasses
import threading
from pathlib import Path


@dataclasses.dataclass(kw_only=True)
class Faults:
    """The faults that are on.

    Attributes:
        authorised: Whether the device answers a computer at all.
        drops_in_push: How many times the connection breaks in the middle of a file.
        drops_in_pull: How many times it breaks as a file is asked for.
        drops_in_run: How many times it breaks while a job is at work,
        drops_once: as soon as there is a file of this pattern.
        away_after_drop: Whether the device stays out of reach after that.
        space_bytes: What it takes before it is full; ``None`` for no end.
        slow_s: Before every answer.
        crlf: Whether lines end as a terminal ends them.
        hangs_on: A command that holds this is never answered.
        damages: How many files arrive with a byte changed.
        loses: A file of this name is gone as a job begins.
        struck: How often one of them struck.
    """

    authorised: bool = True
    drops_in_push: int = 0
    drops_in_pull: int = 0
    drops_in_run: int = 0
    drops_once: str = "*.began"
    away_after_drop: bool = False
    space_bytes: int | None = None
    slow_s: float = 0.0
    crlf: bool = False
    hangs_on: str | None = None
    damages: int = 0
    loses: str | None = None
    struck: int = 0
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def take_drop_in_push(self, size_bytes: int) -> bool:
        return size_bytes > 0 and self._take("drops_in_push")

    def take_drop_in_pull(self) -> bool:
        return self._take("drops_in_pull")

    def take_drop_in_command(self, command: str, root: Path) -> bool:
        """Whether to break the connection now: a job is being waited for and has begun."""
        if "setsid" not in command or not any(root.rglob(self.drops_once)):
            return False
        return self._take("drops_in_run")

    def hung(self, command: str) -> bool:
        if self.hangs_on is None or self.hangs_on not in command:
            return False
        self.struck += 1
        return True

    def take_damage(self) -> bool:
        return self._take("damages")

    def lose(self, root: Path) -> None:
        if self.loses is not None:
            for path in root.rglob(self.loses):
                if path.is_file():
                    path.unlink()
                    self.struck += 1

    def _take(self, name: str) -> bool:
        with self._lock:
            left: int = getattr(self, name)
            if left == 0:
                return False
            setattr(self, name, left - 1)
            self.struck += 1
            return True
