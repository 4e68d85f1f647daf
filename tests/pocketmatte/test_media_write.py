import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from pocketmatte.media import open_frames
from pocketmatte.media_write import VIDEO_SUFFIXES, VideoWriter
from tiers.errors import MediaError

# Mean error of the smooth picture below, in 8-bit levels; measured 1.42 to 1.67 over these tests.
ROUND_TRIP_LEVELS = 2.0


def ramp(height: int, width: int, shift: int = 0) -> npt.NDArray[np.uint8]:
    """A smooth colour picture: 4:2:0 and quantisation lose little of it."""
    y, x = np.mgrid[:height, :width]
    planes = [60 + y + shift, 90 + x, 200 - (x + y) // 2]
    return np.stack(planes, axis=-1).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("suffix", VIDEO_SUFFIXES)
def test_what_is_written_is_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    frames = [ramp(48, 64, shift) for shift in range(10)]
    with VideoWriter(path, (48, 64), Fraction(30000, 1001)) as writer:
        for frame in frames:
            writer.write(frame)
    source = open_frames(path)
    assert source.size_hw == (48, 64)
    assert source.rate == Fraction(30000, 1001)
    found = np.stack(list(source)).astype(np.float64)
    assert np.abs(found - np.stack(frames)).mean() <= ROUND_TRIP_LEVELS
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_h264_and_says_its_colours(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoWriter(path, (48, 64), Fraction(25)) as writer:
        writer.write(ramp(48, 64))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.pix_fmt == "yuv420p"
        frame = next(container.decode(stream))
    assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (1, 1, 1)


def test_without_x264_the_file_is_mpeg4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx264"})
    path = tmp_path / "out.mp4"
    with VideoWriter(path, (48, 64), Fraction(13978000, 482001)) as writer:
        writer.write(ramp(48, 64))
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    (found,) = open_frames(path)
    assert np.abs(found.astype(np.float64) - ramp(48, 64)).mean() <= ROUND_TRIP_LEVELS


@pytest.mark.parametrize("size_hw", [(47, 63), (1, 1), (48, 63)])
def test_odd_sizes_repeat_the_last_row_and_column(tmp_path: Path, size_hw: tuple[int, int]) -> None:
    height, width = size_hw
    path = tmp_path / "out.mp4"
    frame = ramp(*size_hw)
    with VideoWriter(path, size_hw, Fraction(25)) as writer:
        writer.write(frame)
    (found,) = open_frames(path)
    assert found.shape == (height + height % 2, width + width % 2, 3)
    levels = found.astype(np.float64)
    assert np.abs(levels[:height, :width] - frame).mean() <= ROUND_TRIP_LEVELS
    assert np.abs(levels[-1] - levels[height - 1]).mean() <= ROUND_TRIP_LEVELS
    assert np.abs(levels[:, -1] - levels[:, width - 1]).mean() <= ROUND_TRIP_LEVELS


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError, ValueError])
def test_an_interrupted_video_leaves_the_older_one(
    tmp_path: Path, stop: type[BaseException]
) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("the older video")

    def write_half() -> None:
        with VideoWriter(path, (48, 64), Fraction(25)) as writer:
            for shift in range(60):
                writer.write(ramp(48, 64, shift))
            assert [entry.name for entry in tmp_path.glob(".*")] == [".out.partial.mp4"]
            raise stop

    with pytest.raises(stop):
        write_half()
    assert path.read_text() == "the older video"
    assert list(tmp_path.iterdir()) == [path]


# The limit on a file's size stands for a disk that is full: the write call fails the same way.
FULL_DISK = """
import resource, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from pocketmatte.media_write import VideoWriter
from tiers.errors import MediaError
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
random = np.random.default_rng(0)
try:
    with VideoWriter(Path(sys.argv[1]), (96, 128), Fraction(25)) as writer:
        for _ in range(int(sys.argv[3])):
            writer.write(random.integers(0, 256, (96, 128, 3), np.uint8))
except MediaError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize(
    ("limit_bytes", "frames"), [(20_000, 90), (4_000, 1)], ids=["while writing", "at the end"]
)
def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, root: Path, limit_bytes: int, frames: int
) -> None:
    path = tmp_path / "out.mp4"
    command = [sys.executable, "-c", FULL_DISK, str(path), str(limit_bytes), str(frames)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    assert done.returncode == 1, done.stderr
    reason = "cannot be written (File too large); check the folder and the free space"
    assert done.stderr.strip().splitlines()[-1] == f"{path}: {reason}"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "out.mp4"
    with pytest.raises(MediaError, match=r"out\.mp4: cannot be written \(No such file"):
        VideoWriter(path, (48, 64), Fraction(25))


def test_a_video_without_frames_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with (
        pytest.raises(MediaError, match=r"no frame was written; give a source with at least one"),
        VideoWriter(path, (48, 64), Fraction(25)),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"out\.avi: videos are written as \.mp4, \.mov, \.mkv"):
        VideoWriter(tmp_path / "out.avi", (48, 64), Fraction(25))


def test_a_callers_mistakes_are_value_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"positive size and rate, not \(0, 64\) at 25"):
        VideoWriter(tmp_path / "out.mp4", (0, 64), Fraction(25))
    with (
        pytest.raises(ValueError, match=r"a frame is uint8 \(48, 64, 3\), not float32"),
        VideoWriter(tmp_path / "out.mp4", (48, 64), Fraction(25)) as writer,
    ):
        writer.write(np.zeros((48, 64, 3), np.float32))
    assert list(tmp_path.iterdir()) == []
