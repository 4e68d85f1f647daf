"""What an ONNX file does not say of how it takes a picture and gives a mask."""

import dataclasses
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from tiers.errors import UsageError

Triple = tuple[float, float, float]

_CHOICES = {
    "layout": ("nchw", "nhwc"),
    "order": ("rgb", "bgr"),
    "activation": ("none", "sigmoid", "softmax"),
}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class OnnxSettings:
    """How a network takes a picture and gives a mask.

    Attributes:
        layout: ``nchw`` or ``nhwc``, of input and output; ``None``: where the input has 3 channels.
        size_hw: Of the input, in pixels; ``None``: as the file says.
        mean: Of red, green and blue in 0..1, or in the order of ``order``: what is taken off.
        scale: What the rest is divided by.
        order: ``rgb`` or ``bgr``, of the input's channels.
        output: Name of the one to take; ``None``: the first.
        channel: Number of the output's channel that is the foreground, from 0; ``None``: the only
            one, or the second of two.
        activation: What makes probabilities of the output: ``sigmoid``, ``softmax`` over its
            channels, or ``none`` where it gives them already.
    """

    layout: str | None = None
    size_hw: tuple[int, int] | None = None
    mean: Triple = (0.0, 0.0, 0.0)
    scale: Triple = (1.0, 1.0, 1.0)
    order: str = "rgb"
    output: str | None = None
    channel: int | None = None
    activation: str = "none"


NAMES = ("layout", "size", "mean", "scale", "order", "output", "channel", "activation")


def settings_beside(path: Path) -> OnnxSettings | None:
    """Read the settings beside an ONNX file, ``.toml`` or ``.json`` of its name, if there are any.

    Raises:
        UsageError: If there are two such files, or one that is damaged or says what does not exist.
    """
    files = [path.with_suffix(each) for each in (".toml", ".json")]
    files = [file for file in files if file.is_file()]
    if len(files) == 2:
        msg = f"{files[0]} and {files[1].name} both say how {path.name} is fed; remove one"
        raise UsageError(msg)
    if not files:
        return None
    try:
        text = files[0].read_text("utf-8")
        given = tomllib.loads(text) if files[0].suffix == ".toml" else json.loads(text)
    except ValueError as error:
        msg = f"{files[0]} cannot be read: {' '.join(str(error).split())}"
        raise UsageError(msg) from error
    if not isinstance(given, dict):
        msg = f"{files[0]} holds no table of settings; there are {', '.join(NAMES)}"
        raise UsageError(msg)
    return settings_of(given, str(files[0]))


def words_by_file(words: Sequence[str], files: Sequence[Path]) -> dict[Path, list[str]]:
    """Share out settings among ONNX files.

    Args:
        words: ``SETTING=VALUE`` where there is one file, ``NAME.SETTING=VALUE`` for ``NAME.onnx``.
        files: The ONNX files.

    Returns:
        Of each file that some are of, its ``SETTING=VALUE``.

    Raises:
        UsageError: If it is not clear which file one is of.
    """
    shared: dict[Path, list[str]] = {}
    for word in words:
        owner, dot, _ = word.partition("=")[0].rpartition(".")
        of = [file for file in files if not dot or file.stem == owner]
        if len(of) != 1:
            names = ", ".join(file.stem for file in files) or "none"
            msg = f"--set {word}: of which ONNX teacher ({names})? give NAME.SETTING=VALUE"
            raise UsageError(msg)
        shared.setdefault(of[0], []).append(word.removeprefix(owner + dot))
    return shared


def settings_from(words: Sequence[str]) -> OnnxSettings:
    """Read settings that were given as ``NAME=VALUE``, three numbers with commas between.

    Raises:
        UsageError: If one does not exist, or has another kind of value.
    """
    given: dict[str, object] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            msg = f"--set is {word!r}; give NAME=VALUE, as in size=320x320"
            raise UsageError(msg)
        given[name] = _spelt(name, value)
    return settings_of(given, "--set")


def settings_of(given: Mapping[str, object], where: str) -> OnnxSettings:
    """Check settings.

    Args:
        given: By name; ``size`` is ``WIDTHxHEIGHT``, ``mean`` and ``scale`` a number or three.
        where: They are from, for messages.

    Raises:
        UsageError: If one does not exist, or has another kind of value.
    """
    for name, value in given.items():
        if name not in NAMES:
            msg = f"{where}: no setting {name!r}; there are {', '.join(NAMES)}"
            raise UsageError(msg)
        if name in _CHOICES and value not in _CHOICES[name]:
            msg = f"{where}: {name} is {value!r}; it is one of {', '.join(_CHOICES[name])}"
            raise UsageError(msg)
    channel, output = given.get("channel"), given.get("output")
    if channel is not None and (not isinstance(channel, int) or isinstance(channel, bool)):
        raise _wrong(where, "channel", channel, "a number from 0 on")
    if output is not None and not isinstance(output, str):
        raise _wrong(where, "output", output, "the name of an output")
    layout = given.get("layout")
    return OnnxSettings(
        layout=None if layout is None else str(layout),
        size_hw=_size_hw(given.get("size"), where),
        mean=_triple(given.get("mean", 0.0), "mean", where),
        scale=_triple(given.get("scale", 1.0), "scale", where),
        order=str(given.get("order", "rgb")),
        output=output,
        channel=channel,
        activation=str(given.get("activation", "none")),
    )


def _spelt(name: str, value: str) -> object:
    """Return the value of a word: numbers where the setting takes some."""
    if name not in {"mean", "scale", "channel"}:
        return value
    try:
        return int(value) if name == "channel" else [float(each) for each in value.split(",")]
    except ValueError:
        return value


def _size_hw(size: object, where: str) -> tuple[int, int] | None:
    if size is None:
        return None
    width, _, height = str(size).partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise _wrong(where, "size", size, "WIDTHxHEIGHT, as in 320x320")
    return int(height), int(width)


def _triple(value: object, name: str, where: str) -> Triple:
    values = value if isinstance(value, list) else [value]
    numbers = [float(each) for each in values if isinstance(each, int | float)]
    if len(numbers) != len(values) or len(numbers) not in {1, 3}:
        raise _wrong(where, name, value, "a number, or three")
    if name == "scale" and not all(numbers):
        raise _wrong(where, name, value, "what is divided by, not 0")
    red, green, blue = numbers * 3 if len(numbers) == 1 else numbers
    return red, green, blue


def _wrong(where: str, name: str, value: object, kind: str) -> UsageError:
    return UsageError(f"{where}: {name} is {value!r}; it is {kind}")
