"""Tiny ONNX networks that find what is bright, and a picture in which something is."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pocketmatte.pictures import UInt8Array

GAIN = 20.0
HW = (24, 32)


def picture(seed: int = 0, hw: tuple[int, int] = HW) -> UInt8Array:
    """Noise with a bright square at its upper left."""
    noise = np.random.default_rng(seed).integers(0, 90, (*hw, 3), dtype=np.uint8)
    noise[4:16, 3:15] += 160
    return noise


def bright(
    path: Path,
    threshold: float = 0.5,
    *,
    gain: float = GAIN,
    shape: tuple[int | str, ...] = (1, 3, 24, 32),
    weights: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3),
    end: str = "Sigmoid",
    tilt: float = 0.0,
    kind: int = TensorProto.FLOAT,
) -> Path:
    """Write ``end(gain * (weights . colour - threshold + tilt * x))``, x from -1 left to 1 right.

    Args:
        path: The file.
        threshold: Of brightness.
        gain: How sharply it divides.
        shape: Of the input; what has 3 channels last is transposed first, and its output last.
        weights: Of the channels.
        end: ``Sigmoid``, ``Identity``, ``Sqrt``, or ``Concat``, which gives the logits of
            background, 0, and foreground.
        tilt: What it adds to the right and takes from the left.
        kind: Of the input.
    """
    last = len(shape) == 4 and shape[3] == 3
    held = shape[1:3] if last else shape[-2:]
    ramp = np.linspace(-1, 1, held[1] if isinstance(held[1], int) else 32, dtype=np.float32)
    kernel = (gain * np.array(weights, np.float32)).reshape(1, 3, 1, 1)
    constants = {
        "kernel": kernel,
        "bias": np.array([-gain * threshold], np.float32),
        "ramp": (gain * tilt * ramp).reshape(1, 1, 1, -1),
        "zero": np.zeros(1, np.float32),
    }
    nodes = [helper.make_node("Conv", ["planes", "kernel", "bias"], ["flat"])]
    nodes.insert(0, helper.make_node("Cast", ["x"], ["cast"], to=TensorProto.FLOAT))
    nodes.insert(
        1, helper.make_node("Transpose", ["cast"], ["planes"], perm=[0, 3, 1, 2])
        if last else helper.make_node("Identity", ["cast"], ["planes"]),
    )  # fmt: skip
    nodes.append(helper.make_node("Add", ["flat", "ramp"], ["logits"]))
    if end == "Concat":
        nodes.append(helper.make_node("Mul", ["logits", "zero"], ["nothing"]))
        nodes.append(helper.make_node("Concat", ["nothing", "logits"], ["ended"], axis=1))
    else:
        nodes.append(helper.make_node(end, ["logits"], ["ended"]))
    perm = [0, 2, 3, 1] if last else [0, 1, 2, 3]
    nodes.append(helper.make_node("Transpose", ["ended"], ["y"], perm=perm))
    return save(path, nodes, {"x": (kind, shape)}, constants)


def save(
    path: Path,
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, tuple[int | str, ...]]],
    constants: dict[str, np.ndarray],
) -> Path:
    graph = helper.make_graph(
        nodes,
        "bright",
        [helper.make_tensor_value_info(name, *held) for name, held in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path
