"""The whole way, at t01 in PyTorch with the shipped weights."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pocketmatte.media import open_frames
from tests.pocketmatte.cut.made import (
    HW,
    Clip,
    Cutter,
    read_alpha_video,
    read_pictures,
    sound_packets,
    write_video,
)

# what is propagated, with nothing after it
BARE = ("--alpha", "mask", "--no-frame-fusion", "--no-smooth")


def alphas(folder: Path) -> list[np.ndarray]:
    return [picture[..., 3] for picture in read_pictures(folder)]


def likeness(found: np.ndarray, true: np.ndarray) -> float:
    """IoU from a half on."""
    one, other = found >= 128, true >= 128
    return float((one & other).sum() / (one | other).sum())


def test_a_mask_of_the_first_frame_is_followed_and_matted(
    cutter: Cutter, nine: Clip, tmp_path: Path
) -> None:
    mask = nine.mask(0, tmp_path / "first.png")
    source = write_video(tmp_path / "clip.mp4", nine.frames, sound="aac")
    result = cutter.cut(source, tmp_path / "out.webm", "--mask", mask)
    assert (result["frames"], result["size_hw"], result["sound"]) == (9, list(HW), "encoded")
    found = read_alpha_video(tmp_path / "out.webm")
    assert len(found) == 9
    for picture, true in zip(found, nine.masks, strict=True):
        assert likeness(picture[..., 3], true) > 0.85


def test_a_template_in_the_middle_is_propagated_to_both_sides(
    cutter: Cutter, nine: Clip, tmp_path: Path
) -> None:
    mask = nine.mask(4, tmp_path / "m.png")
    source = nine.folder(tmp_path / "clip")
    cutter.cut(source, tmp_path / "out", "--mask", f"4={mask}", *BARE)
    found = alphas(tmp_path / "out")
    assert np.array_equal(found[4], nine.masks[4])  # what was given stays
    assert all(likeness(*pair) > 0.85 for pair in zip(found, nine.masks, strict=True))


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("method", ["propagate", "matanyone"])
def test_backwards_is_forwards_through_the_reversed_video(
    cutter: Cutter, nine: Clip, tmp_path: Path, method: str
) -> None:
    mask = nine.mask(8, tmp_path / "m.png")
    words = ("--method", method, "--no-frame-fusion", "--no-smooth", "--alpha", "mask")
    ahead = nine.folder(tmp_path / "ahead")
    cutter.cut(ahead, tmp_path / "backwards", "--mask", f"8={mask}", *words)
    turned = nine.folder(tmp_path / "turned", backwards=True)
    cutter.cut(turned, tmp_path / "forwards", "--mask", mask, *words)
    pairs = zip(alphas(tmp_path / "backwards"), alphas(tmp_path / "forwards")[::-1], strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_templates_are_taken_in_any_order_and_fused_between(
    cutter: Cutter, nine: Clip, tmp_path: Path
) -> None:
    first, late = nine.mask(0, tmp_path / "a.png"), nine.mask(6, tmp_path / "b.png")
    source = nine.folder(tmp_path / "clip")
    given = ("--mask", f"6={late}", "--mask", first, *BARE)
    result = cutter.cut(source, tmp_path / "fused", *given)
    assert sorted(result["networks"]["networks"]) == ["fusion", "propagation"]
    result = cutter.cut(source, tmp_path / "linear", *given, "--fusion", "linear")
    assert sorted(result["networks"]["networks"]) == ["propagation"]
    cutter.cut(source, tmp_path / "late", "--mask", f"6={late}", *BARE)
    cutter.cut(source, tmp_path / "first", "--mask", first, *BARE)
    fused, linear, old, new = (
        alphas(tmp_path / name) for name in ("fused", "linear", "late", "first")
    )
    for number in range(9):
        if 0 < number < 6:
            # by hand: the template at 0 is 6 frames from the reference at 6
            share = number / 6
            by_hand = (1 - share) * new[number] + share * old[number].astype(float)
            assert np.abs(linear[number] - by_hand).max() <= 1, number
            assert not np.array_equal(fused[number], linear[number])
        else:  # beyond the reference nothing changed
            expected = new[0] if number == 0 else old[number]
            assert np.array_equal(linear[number], expected), number
            assert np.array_equal(fused[number], expected), number
        assert likeness(fused[number], nine.masks[number]) > 0.8


def test_scribbles_correct_and_undo_gives_the_earlier_result(
    cutter: Cutter, nine: Clip, tmp_path: Path
) -> None:
    nine.mask(0, tmp_path / "first.png")
    source = nine.folder(tmp_path / "clip")
    height, width = HW
    strokes = [{"positive": False, "points": [[width / 2, height * 0.6], [width / 2, height - 5]]}]
    rounds: list[dict[str, object]] = [{"mask": "first.png"}, {"strokes": strokes}]
    scripts = {"one": rounds[:1], "two": rounds, "undone": [*rounds, {"undo": True}]}
    for name, entries in scripts.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(entries))
        cutter.cut(source, tmp_path / name, "--scribbles", tmp_path / f"{name}.json", *BARE)
    one, two, undone = (alphas(tmp_path / name) for name in scripts)
    assert all(np.array_equal(*pair) for pair in zip(one, undone, strict=True))
    column = np.s_[int(height * 0.65) : height - 8, width // 2]
    assert one[0][column].mean() > 200  # the person is there
    assert two[0][column].mean() < one[0][column].mean() - 50


def test_strokes_on_a_later_frame_correct_what_was_propagated_to_it(
    cutter: Cutter, nine: Clip, tmp_path: Path
) -> None:
    nine.mask(0, tmp_path / "first.png")
    strokes = [{"positive": False, "points": [[2, 2], [20, 4]]}]
    entries = [{"mask": "first.png"}, {"frame": 5, "strokes": strokes}]
    (tmp_path / "r.json").write_text(json.dumps(entries))
    source = nine.folder(tmp_path / "clip")
    cutter.cut(source, tmp_path / "out", "--rounds", tmp_path / "r.json", *BARE)
    found = alphas(tmp_path / "out")
    assert all(likeness(*pair) > 0.8 for pair in zip(found, nine.masks, strict=True))


def test_a_subject_is_found_without_a_mask(cutter: Cutter, nine: Clip, tmp_path: Path) -> None:
    source = nine.folder(tmp_path / "clip")
    result = cutter.cut(source, tmp_path / "auto", "--auto", *BARE)
    assert "foreground" in result["networks"]["networks"]
    cutter.cut(source, tmp_path / "rvm", "--method", "rvm")
    for name in ("auto", "rvm"):
        found = alphas(tmp_path / name)
        assert np.mean([likeness(*pair) for pair in zip(found, nine.masks, strict=True)]) > 0.7


def test_matanyone_mattes_from_the_first_mask_over_a_background_and_keeps_the_sound(
    cutter: Cutter, nine: Clip, tmp_path: Path
) -> None:
    mask = nine.mask(0, tmp_path / "first.png")
    source = write_video(tmp_path / "clip.mp4", nine.frames, sound="aac")
    Image.new("RGB", (10, 10), (250, 0, 250)).save(tmp_path / "behind.png")
    words = ("--method", "matanyone", "--background", tmp_path / "behind.png")
    result = cutter.cut(source, tmp_path / "out.mp4", "--mask", mask, *words)
    assert result["sound"] == "copied"
    assert sound_packets(tmp_path / "out.mp4") == sound_packets(source)
    for picture, true in zip(open_frames(tmp_path / "out.mp4"), nine.masks, strict=True):
        corner = picture[:6, -6:].reshape(-1, 3).mean(axis=0)
        assert corner == pytest.approx([250, 0, 250], abs=12)
        assert picture[true == 255].mean() < 200


def test_both_ways_against_flicker_can_be_switched_off(
    cutter: Cutter, nine: Clip, tmp_path: Path
) -> None:
    source = nine.folder(tmp_path / "clip")
    switches = {"both": (), "fused": BARE[3:], "smooth": BARE[2:3], "none": BARE[2:]}
    for name, words in switches.items():
        cutter.cut(source, tmp_path / name, "--method", "rvm", *words)
    both, fused, smooth, none = (np.stack(alphas(tmp_path / name)) for name in switches)
    assert not np.array_equal(fused, none)
    assert np.array_equal(fused[0], none[0])
    # rvm does not flicker by itself: one frame more or less must not be told apart
    assert np.array_equal(smooth[[0, -1]], none[[0, -1]])
    assert np.array_equal(both[0], fused[0])


def test_one_frame_and_one_picture_are_cut(cutter: Cutter, nine: Clip, tmp_path: Path) -> None:
    mask = nine.mask(0, tmp_path / "first.png")
    video = write_video(tmp_path / "one.mp4", nine.frames[:1])
    assert cutter.cut(video, tmp_path / "out.webm", "--mask", mask)["frames"] == 1
    picture = tmp_path / "one.png"
    Image.fromarray(nine.frames[0]).save(picture)
    for method in ("propagate", "matanyone"):
        out = tmp_path / method
        assert cutter.cut(picture, out, "--mask", mask, "--method", method)["frames"] == 1
        (found,) = alphas(out)
        assert likeness(found, nine.masks[0]) > 0.85


def test_every_network_runs_at_its_own_tier(cutter: Cutter, nine: Clip, tmp_path: Path) -> None:
    mask = nine.mask(0, tmp_path / "first.png")
    source = nine.folder(tmp_path / "clip")
    said = cutter.cli(
        *("cut", source, "--mask", mask, "--out", tmp_path / "out", "--threads", 1, "--json"),
        *("--tier", "t01,stfam=t02"),
    )
    tiers = {name: each["tier"] for name, each in said.json()["networks"]["networks"].items()}
    assert tiers == {"propagation": "t01", "trimap": "t01", "stfam": "t02"}
