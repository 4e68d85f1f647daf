from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import pytest
from PIL import Image

from pocketmatte.matte import OUTPUTS
from pocketmatte.media import open_frames
from tests.pocketmatte.matted import Frames, Matter, assert_files, frames, write

# ISO/IEC 14496-12's display matrix: 16.16 fixed point, but for its last column in 2.30
QUARTER_TURN = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
# without it libvpx refuses to encode alpha
OPTIONS = {"libvpx": {"auto-alt-ref": "0"}}


@pytest.mark.parametrize("size_hw", [(48, 64), (47, 63)])
def test_a_video_gives_three_videos_of_its_size_and_length(
    matter: Matter, tmp_path: Path, size_hw: tuple[int, int]
) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    clip = write(tmp_path / "clip.mkv", frames(3, size_hw))
    result = matter.matted(clip)
    stored_hw = open_frames(clip).size_hw  # even
    assert_files(result, 3, stored_hw)
    assert result["orientation"] == "landscape"
    assert 0 <= result["matted"]["mean_alpha"] <= 1
    assert sorted(path.name for path in matter.out.iterdir()) == sorted(
        f"{name}.mp4" for name in OUTPUTS
    )


def test_a_folder_of_odd_pictures_gives_videos_and_one_picture_gives_pictures(
    matter: Matter, tmp_path: Path
) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for index, picture in enumerate(frames(2, (47, 63))):
        Image.fromarray(picture).save(folder / f"{index}.png")
    assert_files(matter.matted(folder), 2, (47, 63))
    assert_files(matter.matted(folder / "0.png"), 1, (47, 63), ".png")


def test_a_video_of_one_frame_gives_videos_of_one_frame(matter: Matter, tmp_path: Path) -> None:
    assert_files(matter.matted(write(tmp_path / "one.mp4", frames(1))), 1, (48, 64))


def test_a_portrait_video_runs_the_tier_in_portrait(matter: Matter, tmp_path: Path) -> None:
    result = matter.matted(write(tmp_path / "clip.mp4", frames(2, (64, 48))))
    assert result["orientation"] == "portrait"
    assert_files(result, 2, (64, 48))


def test_a_phones_rotation_makes_a_video_portrait(matter: Matter, tmp_path: Path) -> None:
    path = tmp_path / "turned.mp4"
    encode(path, frames(2), "libx264", "yuv420p", QUARTER_TURN)
    result = matter.matted(path)
    assert result["orientation"] == "portrait"
    assert_files(result, 2, (64, 48))


def encode(
    path: Path,
    pictures: Frames,
    codec: Literal["libx264", "prores_ks", "libvpx"],
    pixels: str,
    matrix: Sequence[int] | None = None,
) -> None:
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream(codec, rate=25, options=OPTIONS.get(codec))
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        if matrix is not None:
            stream.set_display_matrix(matrix)
        for picture in pictures:
            layout = "rgba" if picture.shape[2] == 4 else "rgb24"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format=layout)))
        container.mux(stream.encode(None))


def see_through(pictures: Frames) -> Frames:
    alpha = np.full((*pictures[0].shape[:2], 1), 128, np.uint8)
    return [np.concatenate([picture, alpha], axis=2) for picture in pictures]


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [("clip.mov", "prores_ks", "yuva444p10le"), ("clip.webm", "libvpx", "yuva420p")],
)
def test_a_video_with_alpha_is_matted(
    matter: Matter,
    tmp_path: Path,
    name: str,
    codec: Literal["prores_ks", "libvpx"],
    pixels: str,
) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"needs a PyAV with the encoder {codec}")
    encode(tmp_path / name, see_through(frames()), codec, pixels)
    assert_files(matter.matted(tmp_path / name), 2, (48, 64))


def test_a_picture_with_alpha_is_matted(matter: Matter, tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    Image.fromarray(see_through(frames(1))[0]).save(path)
    assert_files(matter.matted(path), 1, (48, 64), ".png")


def test_a_truncated_video_is_matted_up_to_the_damage_and_says_so(
    matter: Matter, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 48, 64, 3), np.uint8)
    path = tmp_path / "clip.mp4"
    encode(path, list(noise), "libx264", "yuv420p")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    said = matter.said(path, "--json")
    assert said.code == 0
    matted = said.json()["matted"]
    assert matted["truncated"] is True
    assert 1 <= matted["frames"] < 6
    note = f"{path} is damaged: only its first {matted['frames']} frame(s) could be read"
    assert said.err.splitlines() == [note]


def test_a_damaged_or_wrong_source_is_refused_and_nothing_is_written(
    matter: Matter, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.touch()
    message = "the file is empty (0 bytes); copy or download it again"
    assert matter.said(clip).refusal(1) == f"{clip}: {message}"
    clip.write_text("not a video\n" * 50)
    assert matter.said(clip).refusal(1).startswith(f"{clip}: is no readable video (Invalid data")
    whole = write(tmp_path / "whole.mp4", frames()).read_bytes()
    clip.write_bytes(whole[: len(whole) // 2])  # the index of this one comes last
    assert matter.said(clip).refusal(1).startswith(f"{clip}: is no readable video (Invalid data")
    clip.unlink()
    message = "cannot be opened (No such file or directory); check the path"
    assert matter.said(clip).refusal(2) == f"{clip}: {message}"
    (tmp_path / "empty").mkdir()
    line = matter.said(tmp_path / "empty").refusal(1)
    assert line.startswith(f"{tmp_path / 'empty'}: the folder holds no pictures; put .bmp")
    assert not matter.out.exists()


@pytest.mark.parametrize("name", ["alpha.mp4", "composite.png"])
def test_results_are_never_written_over_the_source(
    matter: Matter, tmp_path: Path, name: str
) -> None:
    source = tmp_path / name
    if source.suffix == ".mp4":
        write(source, frames(1))
    else:
        Image.fromarray(frames(1)[0]).save(source)
    before = source.read_bytes()
    said = matter.cli("matte", source, "--tier", "t01", "--out", tmp_path / "x" / "..")
    message = "holds the source; choose another folder"
    assert said.refusal(2) == f"--out {tmp_path / 'x' / '..'} {message}"
    assert (source.read_bytes(), list(tmp_path.glob("*.mp4"))) == (
        before, [source] if source.suffix == ".mp4" else [],
    )  # fmt: skip


def test_results_are_never_written_among_the_pictures_they_come_from(
    matter: Matter, tmp_path: Path
) -> None:
    Image.fromarray(frames(1)[0]).save(tmp_path / "0.png")
    said = matter.cli("matte", tmp_path, "--tier", "t01", "--out", tmp_path)
    assert said.refusal(2) == f"--out {tmp_path} holds the source; choose another folder"
    assert [path.name for path in tmp_path.iterdir()] == ["0.png"]


def test_a_source_beside_the_results_is_taken_where_no_name_is_the_same(matter: Matter) -> None:
    matter.out.mkdir()
    assert_files(matter.matted(write(matter.out / "clip.mp4", frames(1))), 1, (48, 64))


def test_a_file_in_the_way_of_the_results_is_refused(matter: Matter, tmp_path: Path) -> None:
    matter.out.write_text("mine")
    line = matter.said(write(tmp_path / "clip.mp4", frames())).refusal(2)
    assert line == f"{matter.out} is a file or lies below one; choose a folder"
    assert matter.out.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--tier", "t13"), "no tier 't13'; the ladder of rvm has t01, t02, "),
        (("--runtime", "tflite"), "no runtime 'tflite'; there are torch, onnxruntime, "),
        (("--runtime", "onnxruntime", "--recipe", "w2"), "no recipe 'w2'; there are fp32, fp16"),
        (("--recipe", "fp16"), "--recipe fp16 is of files; --runtime torch runs fp32"),
        (("--threads", "0"), "--threads is 0; it must be 1 or more"),
        (("--background", "green"), "--background is 'green'; give six hexadecimal digits, RRGGBB"),
        (("--background", "00b1"), "--background is '00b1'; give six hexadecimal digits, RRGGBB"),
        (("--bundle", "b"), "--bundle holds files, which torch does not run; choose another"),
        (
            ("--runtime", "onnxruntime", "--bundle", "b"),
            "--weights and --bundle exclude each other",
        ),
    ],
)
def test_options_that_do_not_exist_or_fit_are_refused(
    matter: Matter, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    source = write(tmp_path / "clip.mp4", frames())
    assert matter.said(source, *words).refusal(2).startswith(message)
    assert not matter.out.exists()


def test_the_background_lies_behind_the_composite(
    cli: Callable[..., Any], zero_weights: Path, tmp_path: Path
) -> None:
    path = tmp_path / "frame.png"
    Image.fromarray(frames(1)[0]).save(path)
    words = ("--tier", "t01", "--weights", zero_weights, "--background", "#ff0080")
    said = cli("matte", path, *words, "--out", tmp_path / "out", "--json")
    assert said.json()["matted"]["mean_alpha"] == 0  # this network sees no subject anywhere
    composite = next(iter(open_frames(tmp_path / "out" / "composite.png")))
    assert set(map(tuple, composite.reshape(-1, 3).tolist())) == {(255, 0, 128)}
    foreground = next(iter(open_frames(tmp_path / "out" / "foreground.png")))
    assert not foreground.any()
