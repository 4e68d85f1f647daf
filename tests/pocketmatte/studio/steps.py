"""A session without a page: every job is waited for."""

import dataclasses
from pathlib import Path
from typing import Literal

from pocketmatte.studio.brush import painted
from pocketmatte.studio.jobs import Ended
from pocketmatte.studio.requests import ExportRequest
from pocketmatte.studio.session import Session

_SECONDS = 120.0  # that a job may take on a loaded machine

Kind = Literal["webm", "mov", "mp4", "png", "mask", "trace"]

# Through the person's face and beside it, in shares of the frame.
INSIDE = ((0.42, 0.3), (0.5, 0.5), (0.48, 0.8))
OUTSIDE = ((0.08, 0.1), (0.12, 0.3))


@dataclasses.dataclass(frozen=True)
class Steps:
    """What a user does, step by step."""

    session: Session

    def ended(self, job: int) -> Ended:
        assert self.session.jobs.wait(_SECONDS)
        assert self.session.jobs.ended.number == job
        return self.session.jobs.ended

    def end(self, job: int) -> None:
        """Wait for a job that goes well."""
        assert self.ended(job) == Ended(number=job)

    def find(self, frame: int = 0) -> None:
        self.end(self.session.draw(frame, (), fresh=False))

    def paint(
        self,
        shares: tuple[tuple[float, float], ...] = INSIDE,
        *,
        frame: int = 0,
        positive: bool = True,
        fresh: bool = False,
        size_px: float = 6,
    ) -> None:
        size_hw = self.session.required().reel.size_hw
        points = [(x * (size_hw[1] - 1), y * (size_hw[0] - 1)) for x, y in shares]
        lines = painted(points, size_px, size_hw, positive=positive)
        self.end(self.session.draw(frame, lines, fresh=fresh))

    def follow(self) -> None:
        self.end(self.session.follow("left"))

    def matte(self, pane: Literal["left", "right"] = "left") -> None:
        self.end(self.session.matte(pane))

    def export(self, kind: Kind, pane: Literal["left", "right"] = "left", frame: int = 0) -> Path:
        self.end(self.session.export(ExportRequest(pane=pane, kind=kind, frame=frame)))
        return self.session.results.kept[-1].path
