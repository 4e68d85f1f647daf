"""Any ONNX network that finds a foreground in one picture, as a teacher."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from export.artifact import sha256_of
from pocketmatte.pictures import UInt8Array
from pocketmatte.protocols.resizing import frame_of, resized
from pocketmatte.runtimes.checks import one_line
from pocketmatte.runtimes.onnxruntime_cpu import refusals
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.training.onnx_settings import OnnxSettings
from tiers.errors import CheckpointError, MissingCheckpointError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, NodeArg

_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16"}  # as numpy names them
_ONLY_FATAL = 4  # ONNX Runtime's log severity; what it refuses comes as an exception
_CHANNELS = 3
_ROUNDING = 1e-3  # that a probability may leave 0..1 by


class OnnxTeacher:
    """A network in an ONNX file, on the CPU; see ``labels.Teacher``.

    Input of the network:
        One picture, ``(1, 3, H, W)`` or ``(1, H, W, 3)``, float32 or float16.

    Output of the network:
        ``(1, C, h, w)``, ``(1, h, w, C)``, ``(1, h, w)`` or ``(h, w)``: the foreground in one of
        its channels.

    Args:
        path: The file.
        settings: What its shapes do not say.
        threads: Of ONNX Runtime.

    Raises:
        CheckpointError: If the file is missing or damaged, takes something else than one picture,
            or does not say how large a picture it takes, nor the settings.
    """

    def __init__(self, path: Path, settings: OnnxSettings, threads: int) -> None:
        self._path = path
        self._session = _session(path, threads)
        given = self._session.get_inputs()
        if len(given) != 1:
            listed = ", ".join(each.name for each in given)
            msg = f"{path} takes {len(given)} inputs ({listed}); a teacher takes one picture"
            raise CheckpointError(msg)
        self._input, self._dtype = given[0].name, _dtype(path, given[0])
        self._layout, self._size_hw = _picture_form(path, given[0].shape, settings)
        self._settings = settings
        names = [each.name for each in self._session.get_outputs()]
        self._output = settings.output or names[0]
        if self._output not in names:
            msg = f"{path} has no output {self._output!r}; it has {', '.join(names)}"
            raise CheckpointError(msg)
        self._sha256 = sha256_of(path)

    @property
    def facts(self) -> Mapping[str, object]:
        """What ``labels.json`` says of it."""
        return {
            "name": self._path.name,
            "sha256": self._sha256,
            "layout": self._layout,
            "size": f"{self._size_hw[1]}x{self._size_hw[0]}",
            "mean": list(self._settings.mean),
            "scale": list(self._settings.scale),
            "order": self._settings.order,
            "output": self._output,
            "channel": self._settings.channel,
            "activation": self._settings.activation,
        }

    def begin(self, size_hw: tuple[int, int]) -> Callable[[UInt8Array], FloatArray]:  # noqa: ARG002
        """Return what labels the frames of a clip: this network looks at each by itself."""
        return self.alpha_of

    def alpha_of(self, picture: UInt8Array) -> FloatArray:
        """Return the foreground of an ``(H, W, 3)`` RGB picture: ``(H, W)`` in 0..1.

        Raises:
            CheckpointError: If the network cannot be run, or gives something else than that.
        """
        planes = frame_of(picture.astype(np.float32) / np.float32(255), self._size_hw)
        if self._settings.order == "bgr":
            planes = planes[:, ::-1]
        mean, scale = (
            np.array(each, np.float32).reshape(1, _CHANNELS, 1, 1)
            for each in (self._settings.mean, self._settings.scale)
        )
        values = (planes - mean) / scale
        if self._layout == "nhwc":
            values = values.transpose(0, 2, 3, 1)
        feed = {self._input: np.ascontiguousarray(values, self._dtype)}
        try:
            (output,) = self._session.run([self._output], feed)
        except refusals() as error:
            msg = f"ONNX Runtime cannot run {self._path}: {one_line(error)}"
            raise CheckpointError(msg) from error
        plane = self._foreground(np.asarray(output, np.float32))
        return resized(plane, picture.shape[:2])

    def _foreground(self, output: FloatArray) -> FloatArray:
        """Return the foreground's channel, ``(h, w)`` in 0..1."""
        planes = self._planes(output)
        channel = self._settings.channel
        if channel is None and len(planes) <= 2:
            channel = len(planes) - 1  # a mask alone, or background and foreground
        if channel is None or not 0 <= channel < len(planes):
            said = "which is the foreground" if channel is None else f"none is number {channel}"
            msg = f"{self._path} gives {len(planes)} channels, {said}? set channel to 0 and up"
            raise CheckpointError(msg)
        if self._settings.activation == "softmax":
            odds = np.exp(planes - planes.max(0))
            return np.asarray(odds[channel] / odds.sum(0), np.float32)
        plane = planes[channel]
        if self._settings.activation == "sigmoid":
            return np.asarray(0.5 * (1.0 + np.tanh(0.5 * plane)), np.float32)  # overflows nowhere
        lowest, highest = float(plane.min()), float(plane.max())
        if lowest < -_ROUNDING or highest > 1 + _ROUNDING:
            msg = (
                f"{self._path} gives {lowest:.3g}..{highest:.3g}, no probabilities; "
                "set activation to sigmoid or softmax"
            )
            raise CheckpointError(msg)
        return np.asarray(np.clip(plane, 0.0, 1.0), np.float32)

    def _planes(self, output: FloatArray) -> FloatArray:
        """Return the output of one picture as ``(C, h, w)``."""
        shape = output.shape
        if output.ndim == 2:
            return output[None]
        if output.ndim == 3 and shape[0] == 1:
            return output
        if output.ndim == 4 and shape[0] == 1:
            axes = (0, 3, 1, 2) if self._layout == "nhwc" else (0, 1, 2, 3)
            return output.transpose(axes).squeeze(0)
        msg = f"{self._path}: {self._output} is {shape}, no mask of one picture; set output"
        raise CheckpointError(msg)


def _session(path: Path, threads: int) -> "InferenceSession":
    import onnxruntime

    if not path.is_file():
        msg = f"no teacher {path}; give an ONNX file, or NETWORK:TIER as in rvm:t06"
        raise MissingCheckpointError(msg)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ONLY_FATAL
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except refusals() as error:
        msg = f"ONNX Runtime refuses {path}: {one_line(error)}; give an intact ONNX file"
        raise CheckpointError(msg) from error


def _dtype(path: Path, given: "NodeArg") -> str:
    try:
        return _DTYPES[given.type]
    except KeyError:
        msg = f"{path}: {given.name} is {given.type}; a teacher takes {' or '.join(_DTYPES)}"
        raise CheckpointError(msg) from None


def _picture_form(
    path: Path, shape: Sequence[int | str | None], settings: OnnxSettings
) -> tuple[str, tuple[int, int]]:
    """Return layout and size of the picture that a network takes."""
    shown = f"({', '.join(str(side or '?') for side in shape)})"
    if len(shape) != 4 or (isinstance(shape[0], int) and shape[0] != 1):
        msg = f"{path} takes {shown}; a teacher takes one picture, (1, 3, H, W) or (1, H, W, 3)"
        raise CheckpointError(msg)
    layout = settings.layout or _layout(shape)
    channels, sides = (shape[3], shape[1:3]) if layout == "nhwc" else (shape[1], shape[2:])
    if layout is None or (isinstance(channels, int) and channels != _CHANNELS):
        msg = f"{path} takes {shown}: which are a picture's 3 channels? set layout to nchw or nhwc"
        raise CheckpointError(msg)
    wanted = settings.size_hw or (None, None)
    height, width = (
        own if isinstance(own, int) else asked for own, asked in zip(sides, wanted, strict=True)
    )
    if height is None or width is None:
        msg = f"{path} takes pictures of any size, {shown}; set size, as in size=320x320"
        raise CheckpointError(msg)
    if settings.size_hw is not None and settings.size_hw != (height, width):
        msg = f"{path} takes {shown}; size can only be {width}x{height}"
        raise CheckpointError(msg)
    return layout, (height, width)


def _layout(shape: Sequence[int | str | None]) -> str | None:
    """Say which dimension has 3 channels, if one has and the other has not."""
    return {(True, False): "nchw", (False, True): "nhwc"}.get(
        (shape[1] == _CHANNELS, shape[3] == _CHANNELS)
    )
