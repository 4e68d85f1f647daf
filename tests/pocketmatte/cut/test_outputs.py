"""What is written can be read again: alpha, colours, times, sound."""

import contextlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from pocketmatte.cut.backgrounds import background_of, covering
from pocketmatte.cut.clock import Clock, clock_of
from pocketmatte.cut.composing import laid_over
from pocketmatte.cut.kinds import kind_of
from pocketmatte.cut.writers import writing
from pocketmatte.media import open_frames
from tests.pocketmatte.cut.made import (
    Picture,
    read_alpha_video,
    read_pictures,
    sound_packets,
    times_of,
    write_video,
)
from tiers.errors import BundleError, MediaError, UsageError

CLOCK = Clock(rate=Fraction(25), ticks=None, start=Fraction(0))
# after two lossy encoders and a change of colour space
ALPHA_TOLERANCE, COLOUR_TOLERANCE = 6, 14


def see_through(size_hw: tuple[int, int], count: int) -> list[Picture]:
    """A red square with soft alpha to the right, a pixel further in every frame."""
    height, width = size_hw
    made = []
    for number in range(count):
        picture = np.zeros((height, width, 4), np.uint8)
        picture[..., :3] = (200, 40, 40)
        left = 16 + number
        picture[8 : height - 8, left : left + 16, 3] = 255
        picture[8 : height - 8, left + 16 : left + 24, 3] = 128
        made.append(picture)
    return made


def write(
    out: Path, pictures: list[Picture], clock: Clock = CLOCK, sound: Path | None = None
) -> None:
    alpha = pictures[0].shape[2] == 4
    size_hw = (pictures[0].shape[0], pictures[0].shape[1])
    with writing(out, kind_of(out), size_hw, clock, alpha=alpha, sound_of=sound) as writer:
        for number, picture in enumerate(pictures):
            writer.write(number, picture)


@pytest.mark.parametrize("suffix", [".webm", ".mov"])
@pytest.mark.parametrize("size_hw", [(48, 64), (47, 63)])
def test_alpha_of_a_video_decodes_back(
    tmp_path: Path, suffix: str, size_hw: tuple[int, int]
) -> None:
    given = see_through(size_hw, 3)
    write(tmp_path / f"a{suffix}", given)
    found = read_alpha_video(tmp_path / f"a{suffix}")
    assert len(found) == 3
    for one, other in zip(found, given, strict=True):
        assert one.shape == other.shape
        # the square's middle and the far corner: codecs soften the edge between
        for part in (np.s_[16:30, 20:30], np.s_[:4, -8:], np.s_[16:30, 36:38]):
            off = np.abs(one[part][..., 3].astype(int) - other[part][..., 3])
            assert off.max() <= ALPHA_TOLERANCE, part
        off = np.abs(one[16:30, 20:30, :3].astype(int) - other[16:30, 20:30, :3])
        assert off.max() <= COLOUR_TOLERANCE


def test_pictures_come_back_to_the_bit(tmp_path: Path) -> None:
    given = see_through((47, 63), 3)
    write(tmp_path / "frames", given)
    assert [path.name for path in sorted((tmp_path / "frames").iterdir())] == [
        f"{number:08}.png" for number in range(3)
    ]
    for one, other in zip(read_pictures(tmp_path / "frames"), given, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("name", ["o.mp4", "o.mkv", "o.webm", "o.mov", "o"])
def test_a_run_that_is_stopped_leaves_no_output_and_keeps_the_old_one(
    tmp_path: Path, name: str
) -> None:
    pictures = [picture[..., :3] for picture in see_through((48, 64), 2)]
    kind = kind_of(tmp_path / name)
    for _ in range(2):
        with (
            contextlib.suppress(KeyboardInterrupt),
            writing(tmp_path / name, kind, (48, 64), CLOCK, alpha=False, sound_of=None) as writer,
        ):
            writer.write(0, pictures[0])
            raise KeyboardInterrupt
        assert [path.name for path in tmp_path.iterdir()] == ([] if _ == 0 else [name])
        if kind.container is None:
            break
        (tmp_path / name).write_text("old")
    if kind.container is not None:
        assert (tmp_path / name).read_text() == "old"


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match="could not write"):
        write(tmp_path / "file" / "o.mp4", see_through((48, 64), 1))


def test_an_encoder_that_is_missing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "codecs_available", set())
    with pytest.raises(MediaError, match="lacks the encoder libvpx-vp9; choose another --out"):
        write(tmp_path / "o.webm", see_through((48, 64), 1))
    assert list(tmp_path.iterdir()) == []


def opaque(count: int) -> list[Picture]:
    return [np.ascontiguousarray(picture[..., :3]) for picture in see_through((48, 64), count)]


@pytest.mark.parametrize(
    ("source", "codec", "out", "fate"),
    [
        ("s.mp4", "aac", "o.mp4", "copied"),
        ("s.mp4", "aac", "o.mov", "copied"),
        ("s.mp4", "aac", "o.mkv", "copied"),
        ("s.mp4", "aac", "o.webm", "encoded"),
        ("s.mkv", "libopus", "o.webm", "copied"),
        ("s.mkv", "libopus", "o.mp4", "encoded"),
    ],
)
def test_sound_is_kept_packet_by_packet_or_encoded_anew(
    tmp_path: Path, source: str, codec: str, out: str, fate: str
) -> None:
    path = write_video(tmp_path / source, opaque(20), sound=codec)
    kind = kind_of(tmp_path / out)
    clock = clock_of(open_frames(path), 20)
    with writing(tmp_path / out, kind, (48, 64), clock, alpha=False, sound_of=path) as writer:
        for number, picture in enumerate(opaque(20)):
            writer.write(number, picture)
        assert writer.sound == fate
    assert len(list(open_frames(tmp_path / out))) == 20
    if fate == "copied":
        assert sound_packets(tmp_path / out) == sound_packets(path)
    one, other = loudness(tmp_path / out), loudness(path)
    assert len(one) == pytest.approx(len(other), rel=0.1)
    assert np.abs(one).mean() == pytest.approx(np.abs(other).mean(), rel=0.1)


def loudness(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray().ravel() for frame in container.decode(audio=0)]
    return np.concatenate(frames)


def test_a_varying_rate_keeps_its_times(tmp_path: Path) -> None:
    times = [Fraction(number, 1000) for number in (0, 33, 66, 150, 183, 400)]
    path = write_video(tmp_path / "s.mp4", opaque(6), times=times)
    clock = clock_of(open_frames(path), 6)
    assert clock.ticks is not None
    for name in ("o.mp4", "o.webm", "o.mov"):
        write(tmp_path / name, opaque(6), clock)
        found = [float(time) for time in times_of(tmp_path / name)]
        assert found == pytest.approx([float(time) for time in times], abs=2e-3), name


@pytest.mark.parametrize("name", ["s.mp4", "s.mkv"])
def test_a_constant_rate_is_known_whatever_a_container_rounds(tmp_path: Path, name: str) -> None:
    clock = clock_of(open_frames(write_video(tmp_path / name, opaque(9))), 9)
    assert clock.ticks is None
    assert clock.rate == 25
    assert clock.seconds(5) == Fraction(1, 5)


def test_a_picture_is_laid_over_another_or_given_its_alpha() -> None:
    picture = np.full((1, 3, 3), 200, np.uint8)
    alpha = np.array([[0, 0.5, 1]], np.float32)
    over = laid_over(picture, alpha, np.full((1, 3, 3), 100, np.uint8))
    assert over[0, :, 0].tolist() == [100, 150, 200]
    clear = laid_over(picture, alpha, None)
    assert clear[0].tolist() == [[0, 0, 0, 0], [200, 200, 200, 128], [200, 200, 200, 255]]


def test_a_background_covers_the_frame_and_is_cut_evenly() -> None:
    wide = np.zeros((10, 40, 3), np.uint8)
    wide[:, 15:25] = 255  # the middle square
    assert (covering(wide, (10, 10)) == 255).all()
    assert (covering(wide.transpose(1, 0, 2), (10, 10)) == 255).all()
    assert covering(wide, (33, 7)).shape == (33, 7, 3)


def test_a_colour_and_a_picture_lie_behind_every_frame(tmp_path: Path) -> None:
    colour = background_of("#0a141e", (4, 6))
    assert colour is not None
    assert set(map(tuple, colour(Fraction(3)).reshape(-1, 3).tolist())) == {(10, 20, 30)}
    Image.fromarray(np.full((8, 8, 3), 77, np.uint8)).save(tmp_path / "b.png")
    still = background_of(str(tmp_path / "b.png"), (4, 6))
    assert still is not None
    assert (still(Fraction(0)) == 77).all()
    assert background_of("none", (4, 6)) is None


def test_a_moving_background_keeps_its_speed_and_begins_again(tmp_path: Path) -> None:
    levels = [20, 90, 160, 230]
    frames = [np.full((16, 16, 3), level, np.uint8) for level in levels]
    path = write_video(tmp_path / "b.mp4", frames)  # 25 frames a second
    behind = background_of(str(path), (16, 16))
    assert behind is not None
    # frames of 12.5 a second skip every other one of these
    found = [int(behind(Fraction(2 * number, 25)).mean()) for number in range(4)]
    assert found == pytest.approx([20, 160, 20, 160], abs=4)


def test_a_background_that_is_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give none, six hexadecimal digits"):
        background_of("green", (4, 6))
    (tmp_path / "b.mp4").write_text("no video\n" * 40)
    with pytest.raises(MediaError, match="is no readable video"):
        background_of(str(tmp_path / "b.mp4"), (4, 6))
