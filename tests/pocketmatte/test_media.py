import gc
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pocketmatte.media import STILL_RATE, open_frames
from tiers.errors import MediaError

Frames = npt.NDArray[np.uint8]

ONE = 1 << 16  # a display matrix holds 16.16 fixed-point numbers
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
# Decoded corners of flat quadrants lie this close to what was written (x264 at its default rate).
COLOUR_TOLERANCE = 12


def quadrants(height: int = 48, width: int = 64) -> Frames:
    """Red, green / blue, white: tells every turn and mirror apart."""
    frame = np.empty((height, width, 3), np.uint8)
    top, left = height // 2, width // 2
    frame[:top, :left], frame[:top, left:] = RED, GREEN
    frame[top:, :left], frame[top:, left:] = BLUE, WHITE
    return frame


def write_video(
    path: Path,
    frames: Sequence[Frames],
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    matrix: Sequence[int] | None = None,
    movflags: str = "",
) -> None:
    with av.open(str(path), "w", options={"movflags": movflags} if movflags else {}) as container:
        stream = container.add_stream(codec, rate=Fraction(25))
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        if matrix is not None:
            stream.set_display_matrix(matrix)
        for frame in frames:
            layout = "rgba" if frame.shape[2] == 4 else "rgb24"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format=layout)))
        container.mux(stream.encode(None))


def noise(count: int) -> list[Frames]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(count)]


def corners(frame: Frames) -> list[tuple[int, ...]]:
    """Colours at the top left, top right, bottom left and bottom right."""
    return [tuple(int(value) for value in frame[y, x]) for y in (4, -5) for x in (4, -5)]


def assert_colours(found: Sequence[tuple[int, ...]], wanted: Sequence[tuple[int, ...]]) -> None:
    difference = np.abs(np.subtract(found, wanted)).max()
    assert difference <= COLOUR_TOLERANCE, f"{found} is not {wanted}"


def test_a_video_gives_its_frames_size_rate_and_count(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, [quadrants()] * 7)
    source = open_frames(path)
    assert source.path == path
    assert source.size_hw == (48, 64)
    assert source.rate == Fraction(25)
    assert source.count == 7
    frames = list(source)
    assert len(frames) == 7
    assert all(frame.dtype == np.uint8 and frame.shape == (48, 64, 3) for frame in frames)
    assert_colours(corners(frames[3]), [RED, GREEN, BLUE, WHITE])
    assert not source.truncated


def test_a_source_can_be_read_again_and_left_half_way(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, noise(5))
    source = open_frames(path)
    first = next(iter(source))
    frames = list(source)
    assert len(frames) == 5
    np.testing.assert_array_equal(first, frames[0])
    np.testing.assert_array_equal(list(source), frames)


def test_files_are_closed_after_reading(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, noise(3))
    source = open_frames(path)
    list(source)
    iterator = iter(source)
    next(iterator)
    del iterator
    opened = [link.resolve() for link in Path("/proc/self/fd").glob("*") if link.exists()]
    assert path.resolve() not in opened


@pytest.mark.parametrize(
    ("turn", "matrix", "wanted"),
    [
        # x' = a x + c y, y' = b x + d y: where a stored pixel (x, y) is shown.
        ("none", (ONE, 0, 0, ONE), [RED, GREEN, BLUE, WHITE]),
        ("clockwise", (0, ONE, -ONE, 0), [BLUE, RED, WHITE, GREEN]),
        ("upside down", (-ONE, 0, 0, -ONE), [WHITE, BLUE, GREEN, RED]),
        ("counterclockwise", (0, -ONE, ONE, 0), [GREEN, WHITE, RED, BLUE]),
        ("mirrored", (-ONE, 0, 0, ONE), [GREEN, RED, WHITE, BLUE]),
        ("mirrored clockwise", (0, ONE, ONE, 0), [RED, BLUE, GREEN, WHITE]),
    ],
)
def test_a_phones_rotation_is_applied(
    tmp_path: Path, turn: str, matrix: tuple[int, ...], wanted: list[tuple[int, ...]]
) -> None:
    path = tmp_path / "phone.mp4"
    a, b, c, d = matrix
    write_video(path, [quadrants()] * 2, matrix=[a, b, 0, c, d, 0, 0, 0, 1 << 30])
    source = open_frames(path)
    assert source.size_hw == ((64, 48) if "clockwise" in turn else (48, 64))
    for frame in source:
        assert frame.shape == (*source.size_hw, 3)
        assert frame.flags.c_contiguous
        assert_colours(corners(frame), wanted)


@pytest.mark.parametrize("matrix", [None, (-ONE, 0, 0, ONE), (0, ONE, ONE, 0)])
def test_frames_that_were_given_do_not_stay_in_memory(
    tmp_path: Path, matrix: tuple[int, ...] | None
) -> None:
    path = tmp_path / "long.mp4"
    held = None if matrix is None else [*matrix[:2], 0, *matrix[2:], 0, 0, 0, 1 << 30]
    write_video(path, noise(60), matrix=held)
    gc.collect()
    gc.disable()  # frames in rings of references would stay until it runs
    try:
        before = sum(type(each) is av.VideoFrame for each in gc.get_objects())
        given = sum(1 for _ in open_frames(path))
        after = sum(type(each) is av.VideoFrame for each in gc.get_objects())
    finally:
        gc.enable()
    assert given == 60
    assert after - before < 5


@pytest.mark.parametrize("size_hw", [(33, 47), (1, 1), (5, 64)])
def test_odd_sizes_are_kept(tmp_path: Path, size_hw: tuple[int, int]) -> None:
    path = tmp_path / "odd.mkv"
    write_video(path, [quadrants(*size_hw)] * 2, codec="ffv1", pixels="bgr0")
    source = open_frames(path)
    assert source.size_hw == size_hw
    assert [frame.shape for frame in source] == [(*size_hw, 3)] * 2


def test_a_video_of_one_frame_gives_one_frame(tmp_path: Path) -> None:
    path = tmp_path / "one.mp4"
    write_video(path, [quadrants()])
    assert len(list(open_frames(path))) == 1


def test_a_grey_video_gives_three_equal_channels(tmp_path: Path) -> None:
    path = tmp_path / "grey.mkv"
    write_video(path, noise(2), codec="ffv1", pixels="gray")
    for frame in open_frames(path):
        assert frame.shape == (48, 64, 3)
        assert np.ptp(frame, axis=2).max() == 0


def test_a_video_with_alpha_is_laid_over_black(tmp_path: Path) -> None:
    path = tmp_path / "alpha.mov"
    opaque = np.full((48, 64, 1), 255, np.uint8)
    opaque[:, 32:] = 51  # a fifth
    write_video(path, [np.dstack([quadrants(), opaque])], codec="qtrle", pixels="argb")
    (frame,) = open_frames(path)
    assert corners(frame) == [RED, (0, 51, 0), BLUE, (51, 51, 51)]


def test_a_container_without_a_count_says_none(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    write_video(path, noise(4))
    source = open_frames(path)
    assert source.count is None
    assert len(list(source)) == 4


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_video_cut_short_gives_its_whole_frames_and_says_so(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, noise(60), codec=codec, movflags="faststart")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    source = open_frames(path)
    assert source.count == 60
    frames = list(source)
    assert 20 < len(frames) < 60
    assert source.truncated
    path.write_bytes(whole)
    assert len(list(source)) == 60
    assert not source.truncated


def trimmed(source: Path, path: Path, start: Fraction) -> Path:
    """Copy a video from a time on, without encoding anew: what is before it is only hidden."""
    with av.open(str(source)) as whole, av.open(str(path), "w") as part:
        stream = whole.streams.video[0]
        copied = part.add_stream_from_template(stream)
        for packet in whole.demux(stream):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue  # the one that ends the file
            packet.dts -= int(start / packet.time_base)
            packet.pts -= int(start / packet.time_base)
            packet.stream = copied
            part.mux(packet)
    return path


def test_a_video_whose_first_frames_are_hidden_is_no_damaged_one(tmp_path: Path) -> None:
    write_video(tmp_path / "whole.mp4", noise(48))
    path = trimmed(tmp_path / "whole.mp4", tmp_path / "trimmed.mp4", Fraction(15, 25))
    source = open_frames(path)
    assert source.count == 48
    assert len(list(source)) == 33
    assert not source.truncated


def test_a_video_with_hidden_frames_that_is_cut_short_says_so(tmp_path: Path) -> None:
    write_video(tmp_path / "whole.mp4", noise(48))
    trimmed(tmp_path / "whole.mp4", path := tmp_path / "trimmed.mp4", Fraction(15, 25))
    whole = path.read_bytes()
    index = whole.index(b"moov")
    middle = index // 2
    path.write_bytes(whole[:middle] + bytes(index - 4 - middle) + whole[index - 4 :])
    source = open_frames(path)
    assert 0 < len(list(source)) < 33
    assert source.truncated


@pytest.mark.parametrize("share", [0.6, 0.9])
def test_of_a_container_without_hidden_frames_the_count_tells(tmp_path: Path, share: float) -> None:
    path = tmp_path / "clip.avi"
    write_video(path, noise(48), codec="mpeg4")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    source = open_frames(path)
    assert len(list(source)) < 48
    assert source.truncated


def test_a_video_with_a_hole_stops_at_the_hole(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, noise(60))
    damaged = bytearray(path.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 3000] = bytes(3000)
    path.write_bytes(damaged)
    source = open_frames(path)
    assert 20 < len(list(source)) < 60
    assert source.truncated


def _index_only(path: Path) -> None:
    """A video whose index is whole and whose pictures are all missing."""
    write_video(path, noise(3), movflags="faststart")
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"mdat") + 4])


def _without_index(path: Path) -> None:
    write_video(path, noise(9))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _sound_only(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        assert isinstance(stream, av.AudioStream)
        silence = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: None, "cannot be opened (No such file or directory); check the path"),
        (Path.touch, "the file is empty (0 bytes); copy or download it again"),
        (lambda path: path.write_text("not a video\n" * 50), "is no readable video (Invalid data"),
        (lambda path: path.write_bytes(bytes(5000)), "is no readable video (Invalid data"),
        (_without_index, "give an intact video file, a picture or a folder of pictures"),
        (_index_only, "no frame of the video can be decoded; give an intact video file"),
        (_sound_only, "has no video stream; give a file with pictures in it"),
        (Path.mkdir, "the folder holds no pictures; put .bmp, .jpeg, .jpg, .png, .webp files"),
    ],
    ids=["missing", "empty", "text", "zeros", "no index", "no pictures", "sound", "bare folder"],
)
def test_what_is_no_video_is_refused_in_one_line(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / "clip.mp4"
    make(path)
    with pytest.raises(MediaError) as caught:
        open_frames(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert message in text
    assert "\n" not in text


def test_a_playlist_is_refused_and_not_followed(tmp_path: Path) -> None:
    write_video(tmp_path / "part.ts", noise(3))
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\npart.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(MediaError, match=r"list\.m3u8: is no readable video"):
        open_frames(playlist)


def test_a_picture_is_a_source_of_one_frame(tmp_path: Path) -> None:
    path = tmp_path / "still.PNG"
    Image.fromarray(quadrants(5, 7)).save(path)
    source = open_frames(path)
    assert (source.size_hw, source.rate, source.count) == ((5, 7), STILL_RATE, 1)
    (frame,) = source
    np.testing.assert_array_equal(frame, quadrants(5, 7))
    assert not source.truncated


def test_a_folder_gives_its_pictures_by_name(tmp_path: Path) -> None:
    for level, name in ((30, "c.webp"), (10, "a.png"), (20, "b.bmp"), (99, ".hidden.png")):
        Image.new("L", (6, 4), level).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    source = open_frames(tmp_path)
    assert (source.size_hw, source.count) == ((4, 6), 3)
    levels = [int(frame[0, 0, 0]) for frame in source]
    assert levels == pytest.approx([10, 20, 30], abs=2)  # WebP is lossy
    assert len(list(source)) == 3


def test_pictures_of_different_sizes_are_refused_before_the_first_frame(tmp_path: Path) -> None:
    Image.new("RGB", (6, 4)).save(tmp_path / "a.png")
    Image.new("RGB", (6, 5)).save(tmp_path / "b.png")
    with pytest.raises(MediaError) as caught:
        open_frames(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'b.png'}: frame 1 is 6x5 but frame 0 is 6x4; give frames of one size"
    )


def test_a_video_that_changes_size_is_refused_where_it_changes(tmp_path: Path) -> None:
    small, large = tmp_path / "small.ts", tmp_path / "large.ts"
    write_video(small, [quadrants()] * 3)
    write_video(large, [quadrants(96, 64)] * 3)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    with pytest.raises(MediaError, match=r"frame 3 is 64x96 but frame 0 is 64x48"):
        list(open_frames(joined))
