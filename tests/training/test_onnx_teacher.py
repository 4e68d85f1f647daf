"""Any ONNX network as a teacher: how it is fed, what it answers, and what is refused."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto, helper

from pocketmatte.pictures import UInt8Array
from pocketmatte.training.onnx_settings import (
    OnnxSettings,
    settings_beside,
    settings_from,
    settings_of,
    words_by_file,
)
from pocketmatte.training.onnx_teacher import OnnxTeacher
from tests.training.onnx_files import GAIN, HW, bright, picture, save
from tiers.errors import CheckpointError, UsageError


def logits_of(frame: UInt8Array, threshold: float = 0.5) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = GAIN * (frame.mean(2) / 255 - threshold)
    return values


def sigmoid(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 1 / (1 + np.exp(-logits))


@pytest.mark.parametrize(
    ("made", "given_settings"),
    [
        ({}, OnnxSettings()),
        ({"kind": TensorProto.FLOAT16}, OnnxSettings()),
        ({"shape": (1, 24, 32, 3)}, OnnxSettings()),
        ({"shape": ("n", 3, "h", "w")}, OnnxSettings(size_hw=HW)),
        ({"shape": ("n", "c", "h", "w")}, OnnxSettings(size_hw=HW, layout="nchw")),
        ({"end": "Identity"}, OnnxSettings(activation="sigmoid")),
        ({"end": "Concat"}, OnnxSettings(activation="softmax")),
        ({"end": "Concat", "shape": (1, 24, 32, 3)}, OnnxSettings(activation="softmax", channel=1)),
        ({"gain": GAIN / 2, "threshold": 0.8}, OnnxSettings(mean=(0.1,) * 3, scale=(0.5,) * 3)),
    ],
)  # fmt: skip
def test_every_form_of_a_network_gives_the_same_alpha(
    tmp_path: Path, made: Mapping[str, object], given_settings: OnnxSettings
) -> None:
    # the last one sees (v - 0.1) / 0.5 and halves the gain: v - 0.1 against 0.4
    path = bright(tmp_path / "net.onnx", **made)  # type: ignore[arg-type]
    alpha = OnnxTeacher(path, given_settings, 1).begin(HW)(picture())
    half = made.get("kind") == TensorProto.FLOAT16
    np.testing.assert_allclose(alpha, sigmoid(logits_of(picture())), atol=2e-2 if half else 1e-4)


@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_the_order_of_channels_is_heeded(tmp_path: Path, order: str) -> None:
    path = bright(tmp_path / "net.onnx", weights=(1.0, 0.0, 0.0))
    alpha = OnnxTeacher(path, OnnxSettings(order=order), 1).alpha_of(picture())
    first = picture()[..., 0 if order == "rgb" else 2] / 255
    np.testing.assert_allclose(alpha, sigmoid(GAIN * (first - 0.5)), atol=1e-4)


def test_pictures_of_any_size_get_an_alpha_of_theirs(tmp_path: Path) -> None:
    teacher = OnnxTeacher(bright(tmp_path / "net.onnx"), OnnxSettings(), 1)
    flat = np.zeros((50, 40, 3), np.uint8)
    flat[:, 20:] = 255
    alpha = teacher.alpha_of(flat)
    assert alpha.shape == (50, 40)
    assert alpha[:, :18].max() < 0.01
    assert alpha[:, 22:].min() > 0.99


@pytest.mark.parametrize(
    ("made", "given_settings", "message"),
    [
        ({"shape": (2, 3, 24, 32)}, {}, r"takes \(2, 3, 24, 32\); a teacher takes one picture"),
        ({"shape": (1, 3, 24, 3)}, {}, "which are a picture's 3 channels.* set layout"),
        ({}, {"layout": "nhwc"}, "which are a picture's 3 channels"),
        ({"shape": (1, 3, "h", "w")}, {}, r"any size, \(1, 3, h, w\); set size, as in"),
        ({}, {"size": "64x64"}, "size can only be 32x24"),
        ({}, {"output": "z"}, "has no output 'z'; it has y"),
        ({"kind": TensorProto.UINT8}, {}, r"x is tensor\(uint8\); a teacher takes tensor\(float\)"),
        ({"end": "Identity"}, {}, r"no probabilities; set activation to sigmoid or softmax"),
        ({"end": "Concat"}, {"channel": 2}, "gives 2 channels, none is number 2"),
    ],
)  # fmt: skip
def test_a_network_that_will_not_do_is_told_in_one_line(
    tmp_path: Path, made: Mapping[str, object], given_settings: Mapping[str, object], message: str
) -> None:
    path = bright(tmp_path / "net.onnx", **made)  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match=message) as caught:
        OnnxTeacher(path, settings_of(given_settings, "test"), 1).alpha_of(picture())
    assert "\n" not in str(caught.value)


def test_other_ranks_many_channels_and_two_inputs_are_told(tmp_path: Path) -> None:
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    path = save(tmp_path / "net.onnx", nodes, {"x": (TensorProto.FLOAT, (3, 24, 32))}, {})
    with pytest.raises(CheckpointError, match=r"takes \(3, 24, 32\); a teacher takes one picture"):
        OnnxTeacher(path, OnnxSettings(), 1)
    kind = (TensorProto.FLOAT, (1, 3, 24, 32))
    teacher = OnnxTeacher(save(tmp_path / "net.onnx", nodes, {"x": kind}, {}), OnnxSettings(), 1)
    with pytest.raises(CheckpointError, match="gives 3 channels, which is the foreground"):
        teacher.alpha_of(picture())
    nodes = [helper.make_node("Add", ["x", "r1"], ["y"])]
    path = save(tmp_path / "net.onnx", nodes, {"x": kind, "r1": kind}, {})
    with pytest.raises(CheckpointError, match=r"takes 2 inputs \(x, r1\); a teacher takes one"):
        OnnxTeacher(path, OnnxSettings(), 1)


def test_settings_are_the_same_from_a_file_and_from_words(tmp_path: Path) -> None:
    wanted = OnnxSettings(
        size_hw=(24, 32), mean=(0.5, 0.4, 0.3), scale=(2.0, 2.0, 2.0), channel=1, order="bgr"
    )
    words = ["size=32x24", "mean=0.5,0.4,0.3", "scale=2", "channel=1", "order=bgr"]
    assert settings_from(words) == wanted
    held = {"size": "32x24", "mean": [0.5, 0.4, 0.3], "scale": 2, "channel": 1, "order": "bgr"}
    assert settings_beside(tmp_path / "net.onnx") is None
    (tmp_path / "net.json").write_text(json.dumps(held))
    assert settings_beside(tmp_path / "net.onnx") == wanted
    (tmp_path / "net.json").unlink()
    (tmp_path / "net.toml").write_text("\n".join(f"{k} = {json.dumps(v)}" for k, v in held.items()))
    assert settings_beside(tmp_path / "net.onnx") == wanted
    (tmp_path / "net.json").write_text("[]")
    with pytest.raises(UsageError, match=r"net.toml and net.json both say how net.onnx is fed"):
        settings_beside(tmp_path / "net.onnx")
    (tmp_path / "net.toml").unlink()
    with pytest.raises(UsageError, match=r"net.json holds no table of settings; there are layout"):
        settings_beside(tmp_path / "net.onnx")


def test_settings_are_of_the_file_that_they_name() -> None:
    first, second = Path("a/net.v2.onnx"), Path("b/other.onnx")
    words = ["other.mean=0.5", "net.v2.size=3x2", "other.output=x.y"]
    assert words_by_file(words, [first, second]) == {
        second: ["mean=0.5", "output=x.y"],
        first: ["size=3x2"],
    }
    words = ["mean=0.5", "output=a.b=c", "other.channel=1", "mean"]
    assert words_by_file(words, [second]) == {
        second: ["mean=0.5", "output=a.b=c", "channel=1", "mean"]
    }


@pytest.mark.parametrize(
    ("word", "files", "names"),
    [
        ("mean=1", ["a.onnx", "b.onnx"], "a, b"),
        ("c.mean=1", ["a.onnx", "b.onnx"], "a, b"),
        ("a.mean=1", ["x/a.onnx", "y/a.onnx"], "a, a"),
        ("c.mean=1", ["a.onnx"], "a"),
        ("mean=1", [], "none"),
    ],
)
def test_a_setting_of_nobody_knows_which_file_is_told(
    word: str, files: list[str], names: str
) -> None:
    with pytest.raises(UsageError) as caught:
        words_by_file([word], [Path(file) for file in files])
    assert str(caught.value) == (
        f"--set {word}: of which ONNX teacher ({names})? give NAME.SETTING=VALUE"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("mean", "--set is 'mean'; give NAME=VALUE, as in size=320x320"),
        ("means=1", "--set: no setting 'means'; there are layout, size, mean"),
        ("layout=chw", "--set: layout is 'chw'; it is one of nchw, nhwc"),
        ("size=320", "--set: size is '320'; it is WIDTHxHEIGHT, as in 320x320"),
        ("mean=1,2", r"--set: mean is \[1.0, 2.0\]; it is a number, or three"),
        ("scale=0", r"--set: scale is \[0.0\]; it is what is divided by, not 0"),
        ("channel=last", "--set: channel is 'last'; it is a number from 0 on"),
    ],
)
def test_a_setting_without_sense_is_told(words: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        settings_from([words])
