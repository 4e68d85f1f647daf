from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from skimage import data as samples

from export.manifest import read_manifest

METRICS = ("mad", "mse", "grad", "conn", "dtssd")


def make_clip(path: Path, alphas: Sequence[npt.NDArray[np.uint8]], still: bool = False) -> Path:
    """A photographed person, moving two pixels a frame unless ``still``, with given mattes."""
    height, width = alphas[0].shape
    picture = samples.astronaut()  # type: ignore[no-untyped-call]
    for index, alpha in enumerate(alphas):
        left = 0 if still else 2 * index
        frame = np.resize(picture[:height, left : left + width], (height, width, 3))
        for folder, content in (("frames", frame), ("alpha", alpha)):
            (path / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(content).save(path / folder / f"{index:03}.png")
    return path


def flat(value: int, size_hw: tuple[int, int] = (64, 96)) -> npt.NDArray[np.uint8]:
    return np.full(size_hw, value, np.uint8)


def quarter(size_hw: tuple[int, int] = (64, 96)) -> npt.NDArray[np.uint8]:
    """White in one quarter."""
    alpha = flat(0, size_hw)
    alpha[: size_hw[0] // 2, : size_hw[1] // 2] = 255
    return alpha


def evaluated(cli: Callable[..., Any], *words: object) -> Any:
    said = cli("evaluate", "rvm", "--tier", "t01", *words, "--json")
    assert said.code == 0, said.err
    (entry,) = said.json()
    return entry


def test_a_network_that_sees_nothing_has_the_errors_of_alpha_0(
    cli: Callable[..., Any], zero_weights: Path, tmp_path: Path
) -> None:
    clips = [
        make_clip(tmp_path / "quarter", [quarter()] * 3),
        make_clip(tmp_path / "fifth", [flat(51), flat(51)]),
        make_clip(tmp_path / "flicker", [flat(0), flat(255)]),
    ]
    entry = evaluated(cli, "--clips", *clips, "--weights", zero_weights)
    found = {clip["clip"]: clip for clip in entry["clips"]}
    assert {name: clip["frames"] for name, clip in found.items()} == {
        "quarter": 3, "fifth": 2, "flicker": 2,
    }  # fmt: skip
    # MAD and MSE in thousandths: a quarter of ones; a fifth everywhere; half of the frames ones
    mads = {name: clip["metrics"]["mad"] for name, clip in found.items()}
    assert mads == pytest.approx({"quarter": 250, "fifth": 200, "flicker": 500}, rel=1e-6)
    mses = {name: clip["metrics"]["mse"] for name, clip in found.items()}
    assert mses == pytest.approx({"quarter": 250, "fifth": 40, "flicker": 500}, rel=1e-6)
    # the best constant is 0, a fifth, and anything
    constants = {name: clip["baselines"]["constant_mad"] for name, clip in found.items()}
    assert constants == pytest.approx({"quarter": 250, "fifth": 0, "flicker": 500}, abs=1e-3)
    assert found["quarter"]["metrics"]["dtssd"] == 0  # it stands still
    assert found["flicker"]["metrics"]["dtssd"] > 0
    for name in METRICS:
        mean = np.mean([clip["metrics"][name] for clip in found.values()])
        assert entry["mean"]["metrics"][name] == pytest.approx(mean)
    assert entry["mean"]["baselines"] == pytest.approx({"constant_mad": 250}, abs=1e-3)


def test_the_table_shows_clips_mean_and_constant(
    cli: Callable[..., Any], zero_weights: Path, tmp_path: Path
) -> None:
    clips = [
        make_clip(tmp_path / "one[1]", [quarter()]),
        make_clip(tmp_path / "two", [flat(51)]),
    ]
    said = cli("evaluate", "rvm", "--tier", "t01", "--clips", *clips, "--weights", zero_weights)
    rows = [line.split() for line in said.out.splitlines() if line.startswith("t01")]
    assert [row[:5] + row[-1:] for row in rows] == [
        ["t01", "one[1]", "1", "250.00", "250.00", "250.00"],
        ["t01", "two", "1", "200.00", "40.00", "0.00"],
        ["t01", "mean", "-", "225.00", "145.00", "125.00"],
    ]


def test_several_clips_after_one_option_are_as_several_options(
    cli: Callable[..., Any], zero_weights: Path, tmp_path: Path
) -> None:
    one = make_clip(tmp_path / "one", [quarter()])
    two = make_clip(tmp_path / "two", [flat(51)])
    spread = evaluated(cli, "--clips", one, two, "--weights", zero_weights)
    assert spread == evaluated(cli, "--clips", one, "--clips", two, "--weights", zero_weights)
    assert [clip["clip"] for clip in spread["clips"]] == ["one", "two"]


def test_only_so_many_frames_are_measured_at_a_multiple_of_16(
    cli: Callable[..., Any], zero_weights: Path, tmp_path: Path
) -> None:
    clip = make_clip(
        tmp_path / "clip", [flat(51, (71, 100)), flat(51, (71, 100)), flat(255, (71, 100))]
    )
    entry = evaluated(cli, "--clips", clip, "--frames", 2, "--weights", zero_weights)
    assert (entry["bundle"], entry["recipe"], entry["frames_limit"]) == (None, None, 2)
    (found,) = entry["clips"]
    assert (found["frames"], found["size_hw"]) == (2, [64, 96])
    assert found["metrics"]["mad"] == pytest.approx(200, rel=1e-6)


def test_a_bundle_measures_what_pytorch_measures_at_the_tiers_size(
    cli: Callable[..., Any], bundle: Path, t01_weights: Path, tmp_path: Path
) -> None:
    size_hw = (288, 512)  # t01's own: PyTorch works at the same ratio there
    clip = make_clip(tmp_path / "clip", [quarter(size_hw)] * 2)
    torch_mean = evaluated(cli, "--clips", clip, "--weights", t01_weights)["mean"]
    words = ("--bundle", bundle, "--runtime", "onnxruntime")
    entry = evaluated(cli, "--clips", clip, *words)
    assert entry["runtime"] == "onnxruntime"
    for part in ("metrics", "baselines"):
        assert entry["mean"][part] == pytest.approx(torch_mean[part], rel=1e-3, abs=1e-3)
    assert 1 < entry["mean"]["metrics"]["mad"] < 999
    assert (entry["bundle"], entry["recipe"], entry["frames_limit"]) == (str(bundle), "fp32", None)
    (held,) = read_manifest(bundle).weights
    assert entry["weights"] == {"origin": "seeded for a test", "digest": held.digest}


def test_two_folders_of_one_name_are_told_apart(
    cli: Callable[..., Any], zero_weights: Path, tmp_path: Path
) -> None:
    clips = [make_clip(tmp_path / name / "clip", [quarter()]) for name in "ab"]
    words = ("--clips", *clips, "--weights", zero_weights)
    entry = evaluated(cli, *words)
    assert [clip["clip"] for clip in entry["clips"]] == ["clip", "clip"]
    assert [clip["path"] for clip in entry["clips"]] == [str(clip) for clip in clips]
    said = cli("evaluate", "rvm", "--tier", "t01", *words)
    first, second, _ = (line.split() for line in said.out.splitlines() if line.startswith("t01"))
    assert first[1].endswith("a/clip")
    assert second[1].endswith("b/clip")


@pytest.mark.parametrize("white", [1, 7, 255])
@pytest.mark.parametrize("palette", [False, True])
def test_masks_of_any_convention_are_whole_mattes(
    cli: Callable[..., Any], zero_weights: Path, tmp_path: Path, white: int, palette: bool
) -> None:
    clip = make_clip(tmp_path / "clip", [quarter()])
    (clip / "alpha").rename(clip / "masks")
    mask = Image.fromarray(quarter() // 255 * np.uint8(white))
    if palette:
        mask = mask.convert("P")
        mask.putpalette([0, 0, 0] + [128, 0, 0] * (white - 1) + [0, 128, 0])
    mask.save(clip / "masks" / "000.png")
    (found,) = evaluated(cli, "--clips", clip, "--weights", zero_weights)["clips"]
    void = palette and white == 255  # which is not to be judged
    assert found["metrics"]["mad"] == pytest.approx(0 if void else 250, rel=1e-6)


def test_a_tier_without_trained_weights_is_refused(cli: Callable[..., Any], tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip", [quarter()])
    said = cli("evaluate", "rvm", "--tier", "t12", "--clips", clip)
    message = "no trained weights of t12 are shipped; give --weights FILE, or take t01 to t11"
    assert said.refusal(1) == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--tier", "t01,t77"), "no tier 't77'; there are t01, "),
        (("--frames", "0"), "--frames is 0; it must be 1 or more"),
        (("--threads", "-1"), "--threads is -1; it must be 1 or more"),
        (("--runtime", "tflite"), "no runtime 'tflite'; there are torch, "),
        (
            ("--runtime", "executorch"),
            "--runtime executorch needs --bundle; build one: pocketmatte",
        ),
        (("--bundle", "b"), "--bundle holds files, which torch does not run; choose another"),
    ],
)
def test_wrong_options_are_refused(
    cli: Callable[..., Any], tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    clip = make_clip(tmp_path / "clip", [quarter()])
    said = cli("evaluate", "rvm", "--tier", "t01", "--clips", clip, *words)
    assert said.refusal(2).startswith(message)


def test_a_folder_that_is_no_clip_is_refused_before_any_is_measured(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "clip", [quarter()])
    said = cli("evaluate", "rvm", "--tier", "t01", "--clips", clip, tmp_path / "none")
    message = "there is no such folder; a clip holds frames/ and alpha/ or masks/"
    assert said.refusal(2) == f"{tmp_path / 'none' / 'frames'}: {message}"


def test_a_clip_too_small_for_the_network_is_refused(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "tiny", [flat(0, (15, 64))])
    said = cli("evaluate", "rvm", "--tier", "t01", "--clips", clip)
    assert said.refusal(1) == f"{clip}: is 64x15; the network takes 16x16 or more"
