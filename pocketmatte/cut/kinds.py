"""What can be written, by the output's suffix."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tiers.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of output.

    Attributes:
        container: FFmpeg's name of it; ``None`` for a folder of PNG pictures.
        codec: Of the pictures.
        pixels: FFmpeg's name of how pixels are stored where the output is opaque.
        pixels_with_alpha: Likewise with alpha; ``None`` where the kind has none.
        options: Of the encoder.
        options_with_alpha: Of the encoder with alpha, added to the others.
        sounds: Codecs of sound that are copied as they are.
        sound: Codec that any other sound is turned into.
        even: Whether both sides must be even.
    """

    container: str | None
    codec: str = ""
    pixels: str = ""
    pixels_with_alpha: str | None = None
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    options_with_alpha: Mapping[str, str] = dataclasses.field(default_factory=dict)
    sounds: frozenset[str] = frozenset()
    sound: str = ""
    even: bool = False


_X264 = Kind(
    container="mp4",
    codec="libx264",
    pixels="yuv420p",
    # The quality of media_write's, and for its reason. With x264's macroblock tree two runs over
    # the same pictures differ (seen at widths of 192 and 320, not of 256 and 640); without it they
    # are the same to the bit, as going on with a run must be, at a quarter more bytes.
    options=MappingProxyType({"crf": "18", "mbtree": "0"}),
    sounds=frozenset({"aac", "mp3", "ac3", "eac3", "alac"}),
    sound="aac",
    even=True,
)
_SOUNDS_OF_MATROSKA = frozenset(
    {"aac", "mp3", "ac3", "eac3", "alac", "opus", "vorbis", "flac", "pcm_s16le", "pcm_s24le"}
)
_PRORES_4444 = "4"  # number of the profile

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        ".mp4": _X264,
        ".mkv": dataclasses.replace(_X264, container="matroska", sounds=_SOUNDS_OF_MATROSKA),
        ".webm": Kind(
            container="webm",
            codec="libvpx-vp9",
            pixels="yuv420p",
            pixels_with_alpha="yuva420p",
            # constant quality; without a speed the encoder takes seconds a frame
            options=MappingProxyType(
                {"crf": "24", "b:v": "0", "deadline": "good", "cpu-used": "4"}
            ),
            # libvpx refuses alpha with frames that are never shown
            options_with_alpha=MappingProxyType({"auto-alt-ref": "0"}),
            sounds=frozenset({"opus", "vorbis"}),
            sound="libopus",
        ),
        ".mov": Kind(
            container="mov",
            codec="prores_ks",
            pixels="yuv444p10le",
            pixels_with_alpha="yuva444p10le",
            options=MappingProxyType({"profile": _PRORES_4444}),
            options_with_alpha=MappingProxyType({"alpha_bits": "16"}),
            sounds=frozenset({"aac", "mp3", "alac", "pcm_s16le", "pcm_s24le"}),
            sound="aac",
        ),
        "": Kind(container=None, pixels_with_alpha="rgba"),
    }
)


def kind_of(out: Path) -> Kind:
    """Return what an output's name asks for.

    Raises:
        UsageError: If there is no such kind; the message lists those there are.
    """
    try:
        return KINDS[out.suffix.lower()]
    except KeyError:
        suffixes = ", ".join(suffix for suffix in KINDS if suffix)
        msg = f"--out is {out}; give a name with {suffixes}, or none for a folder of PNG pictures"
        raise UsageError(msg) from None
