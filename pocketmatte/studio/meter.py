"""How long networks take on this machine, how large they are, and what they were given."""

import collections
import dataclasses
import statistics
import threading
import time
from collections.abc import Callable, Mapping

from torch import nn

from pocketmatte.matting.board import Run, Tensors
from pocketmatte.protocols.protocol import OpenTier
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.studio.tape import Tape

_KEPT = 512  # times of frames, of which the median is told


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """What was measured of one network.

    Attributes:
        network: Its name.
        frames: That were timed.
        frame_ms: Median of a frame's milliseconds, of all its programs together.
        size_bytes: Of its files; of its weights, as they are in memory, where PyTorch runs it.
    """

    network: str
    frames: int
    frame_ms: float
    size_bytes: int


class Meter:
    """Times networks and keeps a tape of each.

    Args:
        size_of: Size of the files of a network; ``None`` where PyTorch runs it.
    """

    def __init__(self, size_of: Callable[[str], int] | None) -> None:
        self._size_of = size_of
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}

    def watch(self, opened: OpenTier) -> OpenTier:
        """Return a network that is timed and taped."""
        name = opened.spec.network
        if self._size_of is not None:
            size_bytes = self._size_of(name)
        else:
            size_bytes = 0 if opened.network is None else _bytes_of(opened.network)
        watched = _Watched(opened, size_bytes, self._lock)
        with self._lock:  # the page may look at the figures meanwhile
            self._watched[name] = watched
        return dataclasses.replace(opened, run=watched)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """What was measured so far."""
        with self._lock:
            return tuple(
                Figure(
                    network=name,
                    frames=each.frames,
                    frame_ms=statistics.median(each.times_ms),
                    size_bytes=each.size_bytes,
                )
                for name, each in self._watched.items()
                if each.times_ms
            )

    @property
    def tapes(self) -> Mapping[str, tuple[OpenTier, Tape]]:
        """The longest of the latest passes of every network that ran, with the network."""
        return {
            name: (each.opened, each.tape)
            for name, each in self._watched.items()
            if each.tape.frames
        }


class _Watched:
    """A ``Run`` that is timed and taped."""

    def __init__(self, opened: OpenTier, size_bytes: int, lock: threading.Lock) -> None:
        self.opened, self.size_bytes, self._lock = opened, size_bytes, lock
        self._inner: Run = opened.run
        self.tape = self._present = Tape(opened.spec)
        self.times_ms: collections.deque[float] = collections.deque(maxlen=_KEPT)
        self.frames = 0

    def __call__(self, program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        begun = time.perf_counter()
        outputs = self._inner(program, inputs)
        took_ms = (time.perf_counter() - begun) * 1000
        with self._lock:
            if self._present.begins(program) or not self.times_ms:
                self.times_ms.append(0.0)
                self.frames += 1
            self.times_ms[-1] += took_ms
            if not self._present.goes_on(program, inputs):
                self._present = self._present.cut_before()  # a pass from states of its own
            self._present.note(program, inputs, outputs)
            # a pass that only brings states back is short, and says less than the one before
            if self._present.frames >= self.tape.frames:
                self.tape = self._present
        return outputs


def _bytes_of(network: nn.Module) -> int:
    return sum(t.numel() * t.element_size() for t in network.state_dict().values())
