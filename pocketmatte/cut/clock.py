"""When every frame is shown: a constant rate, or the times that a camera's varying rate left."""

import dataclasses
from fractions import Fraction

import av

from pocketmatte.media import FrameSource, VideoSource, open_container, video_stream

# 1/60000 s holds 24, 25, 30 and 60 frames a second, and a 1001th of the first two exactly enough;
# MPEG-4 part 2 counts at most 65535 parts of a second.
_TICK = Fraction(1, 60000)
_MOST_PARTS = 1001  # 30000/1001 stays exact


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """Times of frames.

    Attributes:
        rate: Frames a second, the average where it varies.
        ticks: Of every frame, in ``tick`` from the first; ``None`` where the rate is constant.
        start: Of the first frame in the source's own time, in seconds, to which its sound keeps.
    """

    rate: Fraction
    ticks: tuple[int, ...] | None
    start: Fraction

    @property
    def tick(self) -> Fraction:
        """Unit of frames' times, in seconds."""
        return 1 / self.rate if self.ticks is None else _TICK

    def tick_of(self, number: int) -> int:
        """Return when a frame is shown, in ``tick``."""
        return number if self.ticks is None else self.ticks[number]

    def seconds(self, number: int) -> Fraction:
        """Return when a frame is shown, in seconds from the first."""
        return self.tick_of(number) * self.tick


def clock_of(source: FrameSource, count: int) -> Clock:
    """Return the times of a source's first ``count`` frames.

    Where a container does not say when each of them is shown, they come at its average rate.

    Raises:
        MediaError: If the source cannot be opened.
    """
    rate = source.rate.limit_denominator(_MOST_PARTS)
    if not isinstance(source, VideoSource):
        return Clock(rate=rate, ticks=None, start=Fraction(0))
    stamps, unit = _stamps(source)
    start = stamps[0] * unit if stamps else Fraction(0)
    times = [(stamp - stamps[0]) * unit for stamp in stamps[:count]]
    # containers round times to their own unit, some to milliseconds
    slack = max(unit, Fraction(1, 1000))
    if len(times) < count or all(
        abs(time - index / rate) <= slack for index, time in enumerate(times)
    ):
        return Clock(rate=rate, ticks=None, start=start)
    ticks = [round(time / _TICK) for time in times]
    for index in range(1, count):  # two frames at one time would be one
        ticks[index] = max(ticks[index], ticks[index - 1] + 1)
    return Clock(rate=rate, ticks=tuple(ticks), start=start)


def _stamps(source: VideoSource) -> tuple[list[int], Fraction]:
    """Return the times of all frames, in order, as the packets have them, and their unit."""
    with open_container(source.path) as container:
        stream = video_stream(container, source.path)
        unit = stream.time_base or Fraction(1, 1000)
        stamps = []
        try:
            stamps = [
                packet.pts
                for packet in container.demux(stream)
                if packet.pts is not None and not packet.is_discard
            ]
        except av.FFmpegError:
            return [], unit  # of a damaged file nothing is known behind the damage
        return sorted(stamps), unit
