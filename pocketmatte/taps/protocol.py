"""What every program shows that can be looked into."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from pocketmatte.runtimes.protocol import FloatArray


class Taps(Protocol):
    """A program whose values between inputs and outputs can be asked for by name.

    Names are those of the captured program's nodes, which the exporters carry into their files.
    """

    @property
    def kinds(self) -> Mapping[str, str]:
        """The operation that gives each value, by the value's name, in the order of computation."""
        ...

    def run(
        self, inputs: Mapping[str, FloatArray], wanted: Collection[str]
    ) -> dict[str, FloatArray]:
        """Run the program once.

        Args:
            inputs: By name, as a session takes them.
            wanted: Names out of ``kinds``.

        Returns:
            Those of the wanted values that hold numbers with a fraction, as fp32.
        """
        ...


def paired(names: Sequence[str], others: Collection[str]) -> list[str]:
    """Return the names that both have, in the first one's order."""
    known = set(others)
    return [name for name in names if name in known]
