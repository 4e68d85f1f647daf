"""``pocketmatte label``: clips from frames that nobody has matted."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pocketmatte.clips import open_clip
from pocketmatte.matting.board import Moment
from pocketmatte.matting.rvm import rollout
from pocketmatte.pictures import read_matte, write_image
from pocketmatte.protocols.opening import torch_tier
from pocketmatte.protocols.resizing import frame_of, resized
from pocketmatte.training import labels
from pocketmatte.training.clip_reading import find_clips
from pocketmatte.training.folder_videos import FolderVideos
from tests.pocketmatte.matted import frames, write
from tests.training.onnx_files import bright
from tiers.ladder import tier

HW = (48, 64)


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    return bright(tmp_path / "bright.onnx")


def photographs(folder: Path, count: int = 2) -> Path:
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames(count, HW)):
        write_image(folder / f"{number}.png", frame)
    return folder


def labelled(cli: Callable[..., Any], *words: object) -> Any:
    return cli("label", *words, "--threads", 1)


def test_a_video_and_a_folder_become_clips_that_training_reads(
    cli: Callable[..., Any], tmp_path: Path, teacher: Path
) -> None:
    video = write(tmp_path / "walk.mp4", frames(3, HW))
    photos, out = photographs(tmp_path / "photos"), tmp_path / "data/clips"
    said = labelled(cli, video, photos, "--teacher", teacher, "--out", out, "--json")
    assert (said.code, said.err) == (0, "")
    result = said.json()
    digest = hashlib.sha256(teacher.read_bytes()).hexdigest()
    assert [each["sha256"] for each in result["teachers"]] == [digest]
    assert [(c["name"], c["frames"], c["kept"]) for c in result["clips"]] == [
        ("walk", 3, 3), ("photos", 2, 2),
    ]  # fmt: skip
    assert (result["frames"], result["kept"]) == (5, 5)
    facts = json.loads((out / "walk/labels.json").read_text())
    assert (facts["frames"], facts["teachers"]) == (3, result["teachers"])
    assert [len(open_clip(path)) for path in find_clips(out)] == [2, 3]
    assert FolderVideos(out, (32, 48), 2, 1, 0).video(0).confidence is not None


def test_what_is_there_is_taken_as_it_is_and_a_table_is_printed(
    cli: Callable[..., Any], tmp_path: Path, teacher: Path
) -> None:
    words = (photographs(tmp_path / "photos"), "--teacher", teacher, "--out", tmp_path / "out")
    first = labelled(cli, *words)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("out/**/*")}
    again = labelled(cli, *words)
    assert (first.code, again.code) == (0, 0)
    assert "photos       2     2      0" in first.out
    assert again.out == first.out
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("out/**/*")} == times


def test_of_teachers_that_disagree_no_frame_is_kept_and_the_command_fails(
    cli: Callable[..., Any], tmp_path: Path, teacher: Path
) -> None:
    photos, out = photographs(tmp_path / "photos"), tmp_path / "out"
    dark = bright(tmp_path / "dark.onnx", -0.5, weights=(-1 / 3, -1 / 3, -1 / 3))
    both = ("--teacher", teacher, "--teacher", dark, "--out", out)
    said = labelled(cli, photos, *both)
    assert said.code == 1
    assert said.err == (
        "of 2 frame(s) something was found by bright.onnx in 2, dark.onnx in 2\n"
        "no frame was kept; of the best clip the agreement is 0.00 in the mean\n"
    )
    assert [path.name for path in (out / "photos").iterdir()] == ["labels.json"]
    said = labelled(cli, photos, *both[:-1], tmp_path / "all", "--agreement", 0)
    assert said.code == 0
    alpha = read_matte(tmp_path / "all/photos/alpha/000000.png")
    assert abs(alpha.astype(int) - 127.5).max() <= 1  # the mean of yes and no
    confidence = read_matte(tmp_path / "all/photos/confidence/000000.png")
    assert np.median(confidence) < 60


def test_pictures_apart_hard_masks_and_every_other_frame(
    cli: Callable[..., Any], tmp_path: Path, teacher: Path
) -> None:
    photos, out = photographs(tmp_path / "photos", 3), tmp_path / "out"
    said = labelled(cli, photos, "--apart", "--hard", "--teacher", teacher, "--out", out, "--json")
    assert [clip["name"] for clip in said.json()["clips"]] == ["photos-0", "photos-1", "photos-2"]
    assert set(np.unique(read_matte(out / "photos-1/masks/000000.png"))) == {0, 255}
    out = tmp_path / "second"
    said = labelled(cli, photos, "--every", 2, "--teacher", teacher, "--out", out, "--json")
    assert said.json()["settings"]["every"] == 2
    assert sorted(path.stem for path in (out / "photos/alpha").iterdir()) == ["000000", "000002"]


def test_frames_in_which_nothing_is_found_are_told_and_left_out(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    photos, out = photographs(tmp_path / "photos"), tmp_path / "out"
    blind = bright(tmp_path / "blind.onnx", 3.0)  # alpha is next to nothing, all over, and sure
    said = labelled(cli, photos, "--teacher", blind, "--out", out)
    assert said.code == 1
    assert said.err == (
        "2 of 2 frame(s) left out, where nothing was found; see --keep-empty\n"
        "of 2 frame(s) something was found by blind.onnx in 0\n"
        "no frame was kept\n"
    )
    assert "photos       2     0      2" in said.out
    assert [path.name for path in (out / "photos").iterdir()] == ["labels.json"]
    out = tmp_path / "all"
    said = labelled(cli, photos, "--teacher", blind, "--out", out, "--keep-empty", "--json")
    assert said.code == 0
    (clip,) = said.json()["clips"]
    assert [clip[name] for name in ("kept", "empty", "found", "agreement")] == [2, 2, [0], None]
    assert said.err == "of 2 frame(s) something was found by blind.onnx in 0\n"
    assert read_matte(out / "photos/alpha/000001.png").max() == 0


def test_a_limit_of_frames_and_the_settings_of_one_of_two_teachers(
    cli: Callable[..., Any], tmp_path: Path, teacher: Path
) -> None:
    photos, out = photographs(tmp_path / "photos", 3), tmp_path / "out"
    logits = bright(tmp_path / "raw.onnx", end="Identity")
    both = (photos, "--teacher", teacher, "--teacher", logits, "--out", out)
    said = labelled(cli, *both, "--frames", 2, "--set", "raw.activation=sigmoid", "--json")
    result = said.json()
    assert [each["activation"] for each in result["teachers"]] == ["none", "sigmoid"]
    assert (result["frames"], result["kept"], result["settings"]["frames"]) == (2, 2, 2)
    assert result["clips"][0]["runs"] == [[0, 1]]
    assert sorted(path.stem for path in (out / "photos/alpha").iterdir()) == ["000000", "000001"]


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": "pocketmatte.labels/1"}'])
def test_a_clip_that_an_older_program_or_another_labelled_is_not_touched(
    cli: Callable[..., Any], tmp_path: Path, teacher: Path, text: str
) -> None:
    photos, out = photographs(tmp_path / "photos"), tmp_path / "out"
    (out / "photos").mkdir(parents=True)
    (out / "photos/labels.json").write_text(text)
    said = labelled(cli, photos, "--teacher", teacher, "--out", out)
    assert f"{out / 'photos'} is there" in said.refusal(2)
    assert (out / "photos/labels.json").read_text() == text


@pytest.mark.parametrize("half", ["none", "a killed run's"])
def test_an_interrupted_run_leaves_whole_clips_and_goes_on(
    cli: Callable[..., Any],
    tmp_path: Path,
    teacher: Path,
    monkeypatch: pytest.MonkeyPatch,
    half: str,
) -> None:
    sources = [photographs(tmp_path / name) for name in ("first", "second")]
    words, written = ("--teacher", teacher, "--out", tmp_path / "out"), list[Path]()

    def stopping(path: Path, picture: np.ndarray) -> None:
        written.append(path)
        if len(written) == 8:  # in the second clip: three files a frame, two frames a clip
            raise KeyboardInterrupt
        write_image(path, picture)

    with monkeypatch.context() as patch:
        patch.setattr(labels, "write_image", stopping)
        said = labelled(cli, *sources, *words)
    message = "stopped; what was finished is kept, nothing is half-written"
    assert said.refusal(130) == message
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["first"]
    if half != "none":
        photographs(tmp_path / "out/.second.partial/frames")
    begun = (tmp_path / "out/first/labels.json").stat().st_mtime_ns
    assert labelled(cli, *sources, *words).code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["first", "second"]
    assert (tmp_path / "out/first/labels.json").stat().st_mtime_ns == begun

    whole = tmp_path / "whole"
    assert labelled(cli, *sources, *words[:-1], whole).code == 0
    for path in whole.rglob("*.png"):
        again = tmp_path / "out" / path.relative_to(whole)
        assert again.read_bytes() == path.read_bytes()


def test_a_clip_of_other_labels_or_of_ones_own_is_not_touched(
    cli: Callable[..., Any], tmp_path: Path, teacher: Path
) -> None:
    photos, out = photographs(tmp_path / "photos"), tmp_path / "out"
    words = ("--teacher", teacher, "--out", out)
    assert labelled(cli, photos, *words).code == 0
    said = labelled(cli, photos, *words, "--agreement", 0.5)
    end = "move it away, or choose another --out"
    assert said.refusal(2) == f"{out / 'photos'} is there, made of other settings; {end}"
    other = bright(tmp_path / "other.onnx", 0.4)
    said = labelled(cli, photos, "--teacher", other, "--out", out)
    assert said.refusal(2) == f"{out / 'photos'} is there, made of other teachers; {end}"
    (out / "photos/labels.json").write_text("{")
    said = labelled(cli, photos, *words)
    assert "photos is there and holds no whole labels.json; move it away" in said.refusal(2)
    assert len(open_clip(out / "photos")) == 2


def test_a_tier_of_our_own_mattes_as_it_does_elsewhere(
    cli: Callable[..., Any], tmp_path: Path, t01_weights: Path
) -> None:
    photos, out = photographs(tmp_path / "photos", 3), tmp_path / "out"
    words = ("--teacher", f"rvm:t01={t01_weights}", "--agreement", 0, "--keep-empty", "--out", out)
    said = labelled(cli, photos, *words, "--json")
    (told,) = said.json()["teachers"]
    assert (told["name"], told["weights"]) == ("rvm:t01", "t01.safetensors")
    spec = tier("rvm", "t01")
    shown = [frame.astype(np.float32) / np.float32(255) for frame in frames(3, HW)]
    with torch_tier(spec, weights=t01_weights, threads=1) as opened:
        streams = []
        for turned in (slice(None), slice(None, None, -1)):
            given = [frame_of(frame[:, turned], spec.output_hw) for frame in shown]
            scene = [Moment(frame=frame, mask=frame[:, :1]) for frame in given]
            alphas = [each["alpha"][0, 0] for each in rollout(spec, opened.run, scene)]
            streams.append([resized(alpha, HW)[:, turned] for alpha in alphas])
    for number, (straight, back) in enumerate(zip(*streams, strict=True)):
        alpha = read_matte(out / f"photos/alpha/{number:06}.png") / 255
        np.testing.assert_allclose(alpha, (straight + back) / 2, atol=0.6 / 255)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--teacher", "gone.onnx"), 2, "no teacher gone.onnx; give an ONNX file, or NETWORK:TIER"),
        (("--teacher", "net"), 2, "no teacher 'net'; give FILE.onnx, NETWORK:TIER or NETWORK:TIER"),
        (("--teacher", "trimap:t01"), 2, "'trimap' is no teacher; those of our own are foreground"),
        (("--teacher", "rvm:t13"), 2, "no tier 't13'"),
        (
            ("--teacher", "rvm:t12"),
            1,
            "no trained weights of rvm:t12 are shipped; give rvm:t12=FILE",
        ),
        (("--agreement", 1.1), 2, "--agreement is 1.1; it lies in 0..1"),
        (("--agreement", "nan"), 2, "--agreement is nan; it lies in 0..1"),
        (("--every", 0), 2, "--every is 0; it must be 1 or more"),
        (("--set", "mean"), 2, "--set is 'mean'; give NAME=VALUE, as in size=320x320"),
        (("--frames", 0), 2, "--frames is 0; it must be 1 or more"),
        (
            ("--teacher", "b.onnx", "--set", "mean=1"),
            2,
            "--set mean=1: of which ONNX teacher (bright, b)? give NAME.SETTING=VALUE",
        ),
    ],
)
def test_a_wrong_request_is_refused_in_one_line(
    cli: Callable[..., Any],
    tmp_path: Path,
    teacher: Path,
    words: tuple[object, ...],
    code: int,
    message: str,
) -> None:
    photos = photographs(tmp_path / "photos", 1)
    out = tmp_path / "out"
    said = labelled(cli, photos, "--teacher", teacher, *words, "--out", out)
    assert message in said.refusal(code)
    assert not out.exists()


def test_sources_and_files_that_will_not_do_are_named(
    cli: Callable[..., Any], tmp_path: Path, teacher: Path
) -> None:
    words = ("--teacher", teacher, "--out", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    said = labelled(cli, tmp_path / "empty", *words)
    assert said.refusal(1).startswith(f"{tmp_path / 'empty'}: no frames; put videos, pictures")
    photos = photographs(tmp_path / "photos", 1)
    said = labelled(cli, photos, photos, *words)
    assert said.refusal(2).endswith("would both be photos; rename one")
    said = labelled(cli, photos, "--teacher", teacher, "--out", teacher)
    assert said.refusal(2) == f"{teacher} is a file or lies below one; choose a folder"
    teacher.with_suffix(".toml").write_text("mean = 0.5")
    said = labelled(cli, photos, *words, "--set", "mean=0.5")
    assert said.refusal(2).endswith("both say how it is fed; remove one")
    teacher.write_bytes(b"no network")
    said = labelled(cli, photos, *words)
    assert said.refusal(1).startswith(f"ONNX Runtime refuses {teacher}: ")
    roots = bright(tmp_path / "roots.onnx", end="Sqrt")
    said = labelled(cli, photos, "--teacher", roots, "--out", tmp_path / "out")
    assert said.refusal(1) == (
        "roots.onnx gives NaN or infinity; leave it out, or check its settings"
    )
    assert list((tmp_path / "out").iterdir()) == []
