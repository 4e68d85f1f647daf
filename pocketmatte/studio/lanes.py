"""The choices that were run, a few of them kept: going back to one costs nothing."""

import contextlib
from collections.abc import Callable, Collection, Sequence

from pocketmatte.cut.rounds import Round
from pocketmatte.studio.choices import Choice
from pocketmatte.studio.lane import Lane

MOST_LANES = 4  # whose masks and alphas are kept; those of the panes are always among them


class Lanes:
    """Lanes by choice; the one used last comes last."""

    def __init__(self) -> None:
        self._lanes: dict[Choice, Lane] = {}

    def get(self, choice: Choice) -> Lane | None:
        """Return what a choice made, if it made anything."""
        return self._lanes.get(choice)

    def opened(
        self, choice: Choice, shown: Collection[Choice], make: Callable[[Choice], Lane]
    ) -> Lane:
        """Return a choice's lane, made where there is none; the oldest makes room.

        Args:
            choice: Which.
            shown: The choices of the panes, which are kept.
            make: Makes a lane.
        """
        lanes = dict(self._lanes)
        lane = lanes.pop(choice, None)
        closed: list[Lane] = []
        if lane is None:
            room = MOST_LANES - 1
            unseen = [each for each in lanes if each not in shown]
            closed = [lanes.pop(each) for each in unseen[: max(0, len(lanes) - room)]]
            lane = make(choice)
        self._lanes = {**lanes, choice: lane}
        for old_lane in closed:
            old_lane.close()
        return lane

    def sync(self, rounds: Sequence[Round], shown: Collection[Choice]) -> None:
        """Let the lanes of the panes count the present rounds."""
        for choice in shown:
            lane = self._lanes.get(choice)
            if lane is not None and choice.way != "rvm":
                lane.sync(rounds)

    def close(self) -> None:
        """Close all."""
        lanes, self._lanes = self._lanes, {}
        for lane in lanes.values():
            with contextlib.suppress(OSError):  # a folder that is gone already
                lane.close()
