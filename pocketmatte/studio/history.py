"""The rounds of a session with all that was undone of them."""

from pocketmatte.cut.rounds import Round
from tiers.errors import UsageError


class History:
    """Rounds that count, and the ones before and after them in the order of undoing."""

    def __init__(self) -> None:
        self._states: tuple[tuple[Round, ...], ...] = ((),)
        self._at = 0

    @property
    def rounds(self) -> tuple[Round, ...]:
        """The rounds that count, in order."""
        return self._states[self._at]

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is something to redo."""
        return self._at + 1 < len(self._states)

    def put(self, rounds: tuple[Round, ...]) -> None:
        """Let other rounds count; what was undone is gone."""
        self._states = (*self._states[: self._at + 1], rounds)
        self._at += 1

    def undo(self) -> None:
        """Let the rounds before count.

        Raises:
            UsageError: If there are none.
        """
        if not self.can_undo:
            msg = "nothing to undo"
            raise UsageError(msg)
        self._at -= 1

    def redo(self) -> None:
        """Let the rounds count that were undone last.

        Raises:
            UsageError: If there are none.
        """
        if not self.can_redo:
            msg = "nothing to redo"
            raise UsageError(msg)
        self._at += 1
