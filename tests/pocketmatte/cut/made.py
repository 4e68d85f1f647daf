"""Small clips of a photographed person who moves, their masks, and the cut command run on them."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from pocketmatte.scene import pictured_scene
from tiers.ladder import tier

Picture = npt.NDArray[np.uint8]

SPEC = tier("propagation", "t01")
HW = SPEC.output_hw
RATE = 25
SOUND_RATE = 48_000


@dataclasses.dataclass(frozen=True)
class Clip:
    """Frames, ``(H, W, 3)``, and masks, ``(H, W)``, in 0..255."""

    frames: list[Picture]
    masks: list[Picture]

    def folder(self, path: Path, *, backwards: bool = False) -> Path:
        """Write the frames as pictures, which are read back to the bit."""
        path.mkdir()
        frames = self.frames[::-1] if backwards else self.frames
        for number, frame in enumerate(frames):
            Image.fromarray(frame).save(path / f"{number:03}.png")
        return path

    def mask(self, number: int, path: Path) -> Path:
        Image.fromarray(self.masks[number]).save(path)
        return path


def clip(count: int) -> Clip:
    moments = list(pictured_scene("astronaut", SPEC, count))

    def picture(values: npt.NDArray[np.float32]) -> Picture:
        return np.ascontiguousarray((values * 255).round().astype(np.uint8))

    return Clip(
        frames=[picture(m.frame[0].transpose(1, 2, 0)) for m in moments],
        masks=[picture(m.mask[0, 0]) for m in moments],
    )


def write_video(
    path: Path,
    frames: Sequence[Picture],
    *,
    sound: str | None = None,
    times: Sequence[Fraction] | None = None,
) -> Path:
    """Write a video, with a tone in a codec, and frames at ``times`` in seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "14"})
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 90000)
        tone = _tone(container, sound, len(frames)) if sound else iter(())
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            if times is not None:
                picture.pts = round(times[number] * 90000)
                picture.time_base = Fraction(1, 90000)
            container.mux(stream.encode(picture))
        for packet in tone:
            container.mux(packet)
        container.mux(stream.encode(None))
    return path


def _tone(container: Any, codec: str, frames: int) -> Iterator[Any]:
    stream = container.add_stream(codec, rate=SOUND_RATE, layout="mono")
    samples = SOUND_RATE * frames // RATE
    wave = (np.sin(np.arange(samples) * 0.05) * 0.3).astype(np.float32)
    for start in range(0, samples, 960):
        part = np.ascontiguousarray(wave[None, start : start + 960])
        frame = av.AudioFrame.from_ndarray(part, format="flt", layout="mono")
        frame.sample_rate, frame.pts = SOUND_RATE, start
        yield from stream.encode(frame)
    yield from stream.encode(None)


def read_pictures(folder: Path) -> list[Picture]:
    return [np.asarray(Image.open(path)) for path in sorted(folder.iterdir())]


def read_alpha_video(path: Path) -> list[Picture]:
    """Decode a video as RGBA; of VP9, whose alpha is a stream beside the pictures, by libvpx."""
    made: list[Picture] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = stream.codec_context
        if stream.codec_context.name == "vp9":
            decoder = av.CodecContext.create("libvpx-vp9", "r")
        for packet in container.demux(stream):
            for frame in decoder.decode(packet):
                assert frame.format.name.startswith("yuva"), frame.format.name
                made.append(frame.to_ndarray(format="rgba").astype(np.uint8, copy=False))
    return made


def sound_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.audio[0])
        return [bytes(packet) for packet in packets if packet.size]


def times_of(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        return sorted(
            packet.pts * stream.time_base
            for packet in container.demux(stream)
            if packet.pts is not None
        )


@dataclasses.dataclass(frozen=True)
class Cutter:
    """Runs ``pocketmatte cut`` at t01 in PyTorch, in this process."""

    cli: Callable[..., Any]

    def said(self, source: Path, out: Path, *words: object) -> Any:
        given = ("--tier", "t01", "--threads", 1, "--out", out)
        return self.cli("cut", source, *given, *words)

    def cut(self, source: Path, out: Path, *words: object) -> dict[str, Any]:
        said = self.said(source, out, *words, "--json")
        assert said.code == 0, said.err
        assert not list(out.parent.glob(".*.cut")), "the work folder stays behind"
        result: dict[str, Any] = said.json()
        return result


def stopping_after(steps: int) -> Any:
    """Return a progress that stops a run after so many steps, as Ctrl-C would."""
    left = [steps]

    def advance(_: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def progress(_: int | None, __: str) -> Iterator[Callable[[str], None]]:
        yield advance

    return progress
