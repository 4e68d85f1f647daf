"""Pseudo-labels: what several answers together say, and what any ONNX network answers."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from onnx import TensorProto, helper

from pocketmatte.clips import open_clip
from pocketmatte.media import open_frames
from pocketmatte.pictures import UInt8Array, read_matte, write_image
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.training.labels import FILE_NAME, Label, Rules, label_footage, opinion_of
from pocketmatte.training.onnx_settings import (
    OnnxSettings,
    settings_beside,
    settings_from,
    settings_of,
)
from pocketmatte.training.onnx_teacher import OnnxTeacher
from pocketmatte.training.unlabelled import Footage, find_unlabelled
from tests.training.onnx_files import GAIN, bright, save
from tiers.errors import CheckpointError, MediaError, UsageError

HW = (24, 32)
RULES = Rules(agreement=0.5, every=1, hard=False)


def picture(seed: int = 0, hw: tuple[int, int] = HW) -> UInt8Array:
    """Noise with a bright square at its upper left."""
    noise = np.random.default_rng(seed).integers(0, 90, (*hw, 3), dtype=np.uint8)
    noise[4:16, 3:15] += 160
    return noise


def footage(folder: Path, count: int = 3) -> Footage:
    for number in range(count):
        (folder / "frames").mkdir(parents=True, exist_ok=True)
        write_image(folder / "frames" / f"{number}.png", picture(number))
    return Footage(name=folder.name, frames=open_frames(folder / "frames"))


def logits_of(frame: UInt8Array, threshold: float = 0.5) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = GAIN * (frame.mean(2) / 255 - threshold)
    return values


def sigmoid(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 1 / (1 + np.exp(-logits))


class Fixed:
    """A teacher that answers with planes, whatever it is shown, one a frame."""

    def __init__(self, *planes: FloatArray) -> None:
        self.planes, self.asked = planes, list[list[UInt8Array]]()

    @property
    def facts(self) -> Mapping[str, object]:
        return {"name": "fixed", "sha256": "0"}

    def begin(self, size_hw: tuple[int, int]) -> Label:
        assert size_hw == HW
        shown: list[UInt8Array] = []
        self.asked.append(shown)

        def label(frame: UInt8Array) -> FloatArray:
            shown.append(frame)
            return self.planes[min(len(shown), len(self.planes)) - 1]

        return label


def test_answers_are_put_together_as_computed_by_hand() -> None:
    first = np.array([[0.9, 0.2, 0.0, 1.0]], np.float32)
    second = np.array([[0.7, 0.6, 0.0, 0.4]], np.float32)
    opinion = opinion_of([first, second])
    np.testing.assert_allclose(opinion.alpha, [[0.8, 0.4, 0.0, 0.7]], atol=1e-6)
    np.testing.assert_allclose(opinion.confidence, [[0.8, 0.6, 1.0, 0.4]], atol=1e-6)
    assert opinion.agreement == pytest.approx(1 / 3)  # masks 1001 and 1100


def test_answers_that_find_nothing_agree() -> None:
    assert opinion_of([np.full((2, 3), 0.4, np.float32)] * 2).agreement == 1


planes = arrays.arrays(np.float32, (3, 2, 4), elements=st.floats(0, 1, width=32))


@settings(max_examples=100, deadline=None)
@given(planes, st.permutations(range(3)))
def test_the_order_of_answers_does_not_matter_and_equal_ones_leave_no_doubt(
    answers: FloatArray, order: list[int]
) -> None:
    opinion, again = opinion_of(list(answers)), opinion_of([answers[place] for place in order])
    np.testing.assert_allclose(opinion.alpha, again.alpha, atol=1e-6)
    np.testing.assert_array_equal(opinion.confidence, again.confidence)
    assert opinion.agreement == again.agreement
    pairs = [abs(a - b) for a in answers for b in answers]
    np.testing.assert_allclose(1 - opinion.confidence, np.max(pairs, axis=0), atol=1e-6)
    same = opinion_of([answers[0], answers[0]])
    assert (same.confidence == 1).all()
    assert same.agreement == 1


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


def test_a_network_that_likes_the_right_side_is_doubted_there(tmp_path: Path) -> None:
    path = bright(tmp_path / "net.onnx", 0.6, tilt=0.4)
    grey = np.full((*HW, 3), 128, np.uint8)
    write_image(tmp_path / "grey.png", grey)
    found = Footage(name="grey", frames=open_frames(tmp_path / "grey.png"))
    teacher = OnnxTeacher(path, OnnxSettings(), 1)
    done = label_footage(
        found, [teacher], Rules(agreement=0, every=1, hard=False), tmp_path / "out"
    )
    assert (done.kept, done.agreement) == (1, 0)  # each half is found in one of both
    confidence = read_matte(tmp_path / "out/grey/confidence/000000.png")
    np.testing.assert_array_equal(confidence, confidence[:, ::-1])
    assert confidence[:, 0].max() < 30
    assert confidence[:, 15:17].min() > 220


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


def test_a_clip_holds_what_was_said_of_its_frames(tmp_path: Path) -> None:
    values = np.linspace(0, 1, HW[0] * HW[1], dtype=np.float32).reshape(HW)
    teacher = Fixed(values)
    done = label_footage(footage(tmp_path / "walk"), [teacher], RULES, tmp_path / "out")
    back = values[:, ::-1]
    clip = open_clip(tmp_path / "out/walk")
    assert (len(clip), done.kept, done.frames) == (3, 3, 3)
    for number, (frame, alpha) in enumerate(clip):
        np.testing.assert_array_equal(np.rint(255 * frame), picture(number))
        np.testing.assert_allclose(alpha, (values + back) / 2, atol=0.5 / 255 + 1e-6)
        confidence = read_matte(tmp_path / f"out/walk/confidence/{number:06}.png") / 255
        np.testing.assert_allclose(confidence, 1 - abs(values - back), atol=0.5 / 255 + 1e-6)
    facts = json.loads((tmp_path / "out/walk" / FILE_NAME).read_text())
    assert facts["teachers"] == [{"name": "fixed", "sha256": "0"}]
    assert facts["settings"] == {"agreement": 0.5, "every": 1, "hard": False}
    assert (facts["frames"], facts["kept"]) == (3, 3)
    assert facts["confidence"] == pytest.approx(float((1 - abs(values - back)).mean()))


def test_mirror_images_are_shown_to_a_teacher_of_their_own(tmp_path: Path) -> None:
    teacher = Fixed(np.ones(HW, np.float32))
    label_footage(footage(tmp_path / "walk"), [teacher], RULES, tmp_path / "out")
    straight, mirrored = teacher.asked
    for number in range(3):
        np.testing.assert_array_equal(straight[number], picture(number))
        np.testing.assert_array_equal(mirrored[number], picture(number)[:, ::-1])


def test_frames_of_little_agreement_are_left_out(tmp_path: Path) -> None:
    left = np.zeros(HW, np.float32)
    left[:, :20] = 1
    whole = np.ones(HW, np.float32)
    teacher = Fixed(whole, left, whole)  # left and its mirror image share 8 of 32 columns
    rules = Rules(agreement=0.3, every=1, hard=False)
    done = label_footage(footage(tmp_path / "walk"), [teacher], rules, tmp_path / "out")
    assert (done.frames, done.kept) == (3, 2)
    assert done.agreement == pytest.approx((2 + 0.25) / 3)
    for folder in ("frames", "alpha", "confidence"):
        names = sorted(path.name for path in (tmp_path / "out/walk" / folder).iterdir())
        assert names == ["000000.png", "000002.png"]


def test_hard_masks_and_every_other_frame(tmp_path: Path) -> None:
    values = np.where(np.arange(HW[1]) < 5, 0.49, 0.5).astype(np.float32) * np.ones((HW[0], 1))
    symmetric = np.minimum(values, values[:, ::-1]).astype(np.float32)
    rules = Rules(agreement=0, every=2, hard=True)
    label_footage(footage(tmp_path / "walk"), [Fixed(symmetric)], rules, tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out/walk/masks").iterdir())
    assert names == ["000000.png", "000002.png"]
    mask = read_matte(tmp_path / "out/walk/masks/000002.png")
    np.testing.assert_array_equal(mask, np.where(symmetric >= 0.5, 255, 0))
    assert not (tmp_path / "out/walk/alpha").exists()


def test_answers_that_are_not_finite_are_told_and_leave_nothing(tmp_path: Path) -> None:
    teacher = Fixed(np.full(HW, np.nan, np.float32))
    with pytest.raises(CheckpointError, match="fixed gives NaN or infinity; leave it out"):
        label_footage(footage(tmp_path / "walk"), [teacher], RULES, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_clips_are_found_in_folders_of_all_kinds(tmp_path: Path) -> None:
    footage(tmp_path / "all/one")
    for name in ("all/two/a.png", "all/two/b.png", "all/c.png", "all/empty/note.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".png":
            write_image(path, picture())
        else:
            path.touch()

    def counted(*paths: str, apart: bool = False) -> dict[str, int | None]:
        found = find_unlabelled([tmp_path / path for path in paths], apart=apart)
        return {each.name: each.frames.count for each in found}

    assert counted("all") == {"all": 1, "one": 3, "two": 2}
    assert counted("all/one", "all/c.png") == {"one": 3, "c": 1}
    assert counted("all/two", apart=True) == {"two-a": 1, "two-b": 1}
    with pytest.raises(MediaError, match="empty: no frames; put videos, pictures or folders"):
        counted("all/empty")
    with pytest.raises(UsageError, match=r"frames and .*frames would both be one; rename one"):
        counted("all", "all/one")
