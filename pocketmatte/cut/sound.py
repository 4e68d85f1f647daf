"""The sound of a source, carried over beside new pictures: copied, or encoded anew."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from pocketmatte.cut.clock import Clock
from pocketmatte.cut.kinds import Kind
from pocketmatte.media import FrameSource, VideoSource, open_container

_Packet: TypeAlias = "av.Packet[AudioStream]"
Fate: TypeAlias = Literal["none", "copied", "encoded", "cut short"]

_BIT_RATE = 160_000  # of sound that is encoded anew: transparent for stereo in AAC and Opus
_OPUS_RATE = 48_000  # the one rate that every Opus encoder takes


def has_sound(source: FrameSource) -> bool:
    """Say whether a source has a stream of sound."""
    if not isinstance(source, VideoSource):
        return False
    with open_container(source.path) as container:
        return bool(container.streams.audio)


class Sound:
    """The first stream of sound of a file on its way into an output.

    Packets go out in time with the pictures, so that neither waits in memory. Where the sound is
    damaged it ends there, and its fate says so.

    Args:
        path: The source.
        output: What is being written.
        kind: Of the output.
        clock: Of the pictures.
    """

    def __init__(self, path: Path, output: OutputContainer, kind: Kind, clock: Clock) -> None:
        self._input: InputContainer = open_container(path)
        self._output, self._start = output, clock.start
        self._from = self._input.streams.audio[0]
        name = self._from.codec_context.name
        self.fate: Fate = "copied" if name in kind.sounds else "encoded"
        if self.fate == "copied":
            self._to = output.add_stream_from_template(self._from)
        else:
            rate = _OPUS_RATE if kind.sound == "libopus" else self._from.rate
            layout = "mono" if self._from.channels == 1 else "stereo"
            self._to = cast("AudioStream", output.add_stream(kind.sound, rate=rate, layout=layout))
            self._to.bit_rate = _BIT_RATE
        self._packets = self._copied() if self.fate == "copied" else self._encoded()
        self._waiting: _Packet | None = None

    def until(self, seconds: Fraction | None) -> None:
        """Write what sounds before a time, from the first frame on; ``None`` for all that is left.

        Raises:
            OSError: If the disk refuses.
        """
        while True:
            packet = self._waiting or next(self._packets, None)
            self._waiting = None
            if packet is None:
                return
            if seconds is not None and _time_of(packet) > seconds:
                self._waiting = packet
                return
            self._output.mux(packet)

    def close(self) -> None:
        """Close the source."""
        self._input.close()

    def _read(self) -> Iterator[_Packet]:
        try:
            yield from self._input.demux(self._from)
        except av.FFmpegError:
            self.fate = "cut short"

    def _copied(self) -> Iterator[_Packet]:
        for packet in self._read():
            if packet.dts is None or packet.pts is None:
                continue  # the empty packet that ends a stream
            shift = round(self._start / (packet.time_base or Fraction(1)))
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            # what a decoder starts up with has a time below 0, and stays
            if packet.pts < 0 < shift:
                continue  # it sounds before the first frame
            packet.stream = self._to
            yield packet

    def _encoded(self) -> Iterator[_Packet]:
        resampler = av.AudioResampler(
            format=self._to.codec_context.format,
            layout=self._to.codec_context.layout,
            rate=self._to.codec_context.rate,
        )
        for packet in self._read():
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.fate = "cut short"
                break
            for frame in frames:
                unit = frame.time_base
                if frame.time is None or unit is None or frame.time < self._start:
                    continue
                frame.pts = round((Fraction(frame.time) - self._start) / unit)
                for part in resampler.resample(frame):
                    yield from self._to.encode(part)
        for part in resampler.resample(None):
            yield from self._to.encode(part)
        yield from self._to.encode(None)


def _time_of(packet: _Packet) -> Fraction:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return (stamp or 0) * (packet.time_base or Fraction(1))
