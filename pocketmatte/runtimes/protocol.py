"""What every runtime offers: load a file into a session, run it on named arrays."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tiers.contract import ProgramContract

FloatArray: TypeAlias = NDArray[np.float32]


class Session(Protocol):
    """A program ready to run.

    ``run`` takes the contract's inputs by name, float32 ``(N, C, H, W)``, casts them to what the
    file holds, and returns the contract's outputs by name, always float32. It refuses inputs that
    do not match the contract with a ``ValueError`` that names tensor, given and expected.

    ``facts`` says what really runs: ``runtime``, ``version``, ``provider`` (the execution provider,
    delegate or compute unit), ``threads_requested`` and, where the runtime lets it be set,
    ``threads`` (read back from the runtime); ``dtype`` where the file declares the element type of
    its inputs and outputs, ``float32`` or ``float16``, all different ones where they differ.
    """

    @property
    def facts(self) -> Mapping[str, str | int]:
        """What really runs, for people and for the manifest."""
        ...

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Run the program once.

        Raises:
            ValueError: If an input is missing, unknown, of another shape or type, or not finite.
            BundleError: If the runtime refuses the file while running it.
        """
        ...

    def close(self) -> None:
        """Free what the runtime holds; the session cannot run again."""
        ...


@runtime_checkable
class Watched(Protocol):
    """What a session offers beside ``Session`` that sees every value on its way.

    ``peaks`` is, by operation in the order of the program, the largest magnitude that a result had
    in any run so far before it was rounded to half precision, infinite where one was no number.
    """

    @property
    def peaks(self) -> Mapping[str, float]:
        """How close values came to the end of half precision."""
        ...


class Runtime(Protocol):
    """A way to execute the files of one export target."""

    @property
    def name(self) -> str:
        """The runtime's name in the table and on the command line."""
        ...

    def unavailable(self) -> str | None:
        """Return why this machine does not have the runtime, or ``None`` if it does."""
        ...

    def load(self, path: Path, contract: ProgramContract, *, threads: int) -> Session:
        """Load a file and check that it holds ``contract``.

        Raises:
            RuntimeUnavailableError: If this machine does not have the runtime.
            BundleError: If the runtime refuses the file, or it holds another program.
        """
        ...
