"""Wrong use and damaged files: one line, exit 2 or 1, nothing written, nothing lost."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pocketmatte.cut.made import HW, Clip, Cutter, write_video


@pytest.fixture
def source(nine: Clip, tmp_path: Path) -> Path:
    return nine.folder(tmp_path / "clip")


@pytest.fixture
def mask(nine: Clip, tmp_path: Path) -> Path:
    return nine.mask(0, tmp_path / "first.png")


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--method propagate needs a subject: give --mask, --rounds or --auto"),
        (("--auto", "--method", "rvm"), "--method rvm takes no mask, strokes or auto"),
        (("--auto", "--rounds", "r.json"), "--mask, --rounds and --auto exclude each other"),
        (("--auto", "--tier", "t13"), "no tier 't13'; the ladder of"),
        (("--auto", "--tier", "t01,t02"), "--tier is both t01 and t02; name the networks"),
        (("--auto", "--tier", "nix=t01"), "no network 'nix'; there are rvm,"),
        (("--auto", "--tier", "rvm=t01"), "rvm is not run here; this run has foreground"),
        (("--auto", "--weights", "rvm"), "--weights rvm: give NETWORK=FILE"),
        (("--auto", "--format", "onnx"), "--format and --recipe are of files; give the --bundle"),
        (("--auto", "--memory-every", "0"), "--memory-every is 0; it must be 1 or more"),
        (("--auto", "--threads", "0"), "--threads is 0; it must be 1 or more"),
        (("--auto", "--background", "green"), "--background is 'green'; give none, six"),
        (("--rounds", "none.json"), "none.json: cannot be read (No such file or directory)"),
    ],
)
def test_options_that_do_not_exist_or_fit_are_refused(
    cutter: Cutter, source: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    before = left(tmp_path)
    assert cutter.said(source, tmp_path / "out.webm", *words).refusal(2).startswith(message)
    assert left(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("out.gif", (), "give a name with .mp4, .mkv, .webm, .mov, or none for a folder"),
        ("out.mp4", ("--background", "none"), ".mp4 has no alpha; give a --background, or .webm"),
        ("clip", (), "holds files, which would be lost; choose an empty or new folder"),
        ("clip/out", (), "which is read; choose another place"),
    ],
)
def test_an_output_that_cannot_be_or_would_destroy_is_refused(
    cutter: Cutter, source: Path, tmp_path: Path, name: str, words: tuple[str, ...], message: str
) -> None:
    before = [left(tmp_path), left(source)]
    said = cutter.said(source, tmp_path / name, "--auto", *words)
    assert message in said.refusal(2)
    assert [left(tmp_path), left(source)] == before


def test_the_source_is_never_written_over(cutter: Cutter, nine: Clip, tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.mp4", nine.frames[:2])
    before = video.read_bytes()
    said = cutter.said(video, tmp_path / "x" / ".." / "clip.mp4", "--auto")
    assert "which is read; choose another place" in said.refusal(2)
    assert video.read_bytes() == before


def test_a_mask_of_another_size_is_refused(cutter: Cutter, source: Path, tmp_path: Path) -> None:
    Image.new("L", (30, 20), 255).save(tmp_path / "m.png")
    line = cutter.said(source, tmp_path / "o.webm", "--mask", tmp_path / "m.png").refusal(2)
    told = f"the mask is 30x20 and the video {HW[1]}x{HW[0]}; give a mask of the video's size"
    assert line == f"{tmp_path / 'm.png'}: {told}"


def test_a_mask_of_zeros_is_refused(cutter: Cutter, source: Path, tmp_path: Path) -> None:
    Image.new("L", HW[::-1], 0).save(tmp_path / "m.png")
    line = cutter.said(source, tmp_path / "o.webm", "--mask", tmp_path / "m.png").refusal(2)
    assert line.endswith("the mask marks nothing: it is background everywhere; mark the subject")


def test_a_mask_of_zeros_and_ones_counts(cutter: Cutter, nine: Clip, tmp_path: Path) -> None:
    ones = (nine.masks[0] >= 128).astype(np.uint8)
    Image.fromarray(ones).save(tmp_path / "m.png")
    source = tmp_path / "one.png"
    Image.fromarray(nine.frames[0]).save(source)
    words = ("--mask", tmp_path / "m.png", "--alpha", "mask", "--no-smooth")
    cutter.cut(source, tmp_path / "out", *words)
    found = np.asarray(Image.open(tmp_path / "out" / "00000000.png"))[..., 3]
    assert np.array_equal(found, ones * 255)


def test_a_damaged_mask_is_refused(
    cutter: Cutter, source: Path, mask: Path, tmp_path: Path
) -> None:
    mask.write_bytes(mask.read_bytes()[:60])
    line = cutter.said(source, tmp_path / "o.webm", "--mask", mask).refusal(1)
    assert line.startswith(f"{mask}: is no readable picture")


def test_a_template_behind_the_last_frame_is_refused_and_leaves_nothing(
    cutter: Cutter, source: Path, mask: Path, tmp_path: Path
) -> None:
    before = left(tmp_path)
    line = cutter.said(source, tmp_path / "o.webm", "--mask", f"9={mask}").refusal(2)
    assert line == f"frame 9 is no frame of {source}, which has 0 to 8"
    assert left(tmp_path) == before


def test_two_frames_are_too_many_for_matanyone(
    cutter: Cutter, source: Path, mask: Path, tmp_path: Path
) -> None:
    words = ("--mask", mask, "--mask", f"3={mask}", "--method", "matanyone")
    line = cutter.said(source, tmp_path / "o.webm", *words).refusal(2)
    assert line == "--method matanyone starts from one frame, not 0, 3; choose propagate"


def test_a_fusion_of_another_tier_is_refused(
    cutter: Cutter, source: Path, mask: Path, tmp_path: Path
) -> None:
    words = ("--mask", mask, "--mask", f"3={mask}", "--tier", "t01,fusion=t02")
    line = cutter.said(source, tmp_path / "o.webm", *words).refusal(2)
    told = "fusion t02 does not take the keys of propagation t01; give fusion=t01"
    assert line == told


def test_a_video_without_frames_is_refused(cutter: Cutter, tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    for content, message in (
        (b"", "the file is empty (0 bytes)"),
        (b"no video\n" * 50, "is no readable video"),
    ):
        video.write_bytes(content)
        assert message in cutter.said(video, tmp_path / "o.webm", "--method", "rvm").refusal(1)
    assert left(tmp_path) == ["clip.mp4"]


def test_a_truncated_video_is_cut_up_to_the_damage_and_says_so(
    cutter: Cutter, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 64, 96, 3), np.uint8)
    video = write_video(tmp_path / "clip.mkv", list(noise))
    data = video.read_bytes()
    video.write_bytes(data[: len(data) // 2])
    said = cutter.said(video, tmp_path / "o.webm", "--method", "rvm", "--json")
    assert said.code == 0, said.err
    assert 1 <= said.json()["frames"] < 8


def test_sound_that_a_folder_cannot_hold_is_told(
    cutter: Cutter, nine: Clip, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "clip.mp4", nine.frames[:2], sound="aac")
    said = cutter.said(video, tmp_path / "out", "--method", "rvm")
    assert (said.code, said.err.count("holds no sound; the source has some")) == (0, 1)
