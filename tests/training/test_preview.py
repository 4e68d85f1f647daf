from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pocketmatte.training.preview import contact_sheet, main, mattes_in_colour, on_green
from pocketmatte.training.video import Video


def half_red() -> Video:
    """Two frames whose upper half is a red object before black."""
    alphas = torch.zeros(2, 2, 8, 8)
    alphas[:, 0, :4] = 1
    foreground = torch.zeros(2, 3, 8, 8)
    foreground[:, 0, :4] = 1
    return Video(frames=foreground.clone(), alphas=alphas, foreground=foreground)


def test_each_object_has_a_colour_of_its_own() -> None:
    alphas = torch.eye(3)[None, :, :, None]  # object k alone in row k
    shown = mattes_in_colour(alphas)[0, :, :, 0].T
    assert len({tuple(row) for row in shown.tolist()}) == 3
    grey = mattes_in_colour(torch.zeros(1, 2, 1, 1)).flatten()
    assert torch.allclose(grey, grey[:1])
    assert grey[0] < 0.2


def test_composites_on_green_show_the_foreground_and_else_green() -> None:
    shown = on_green(half_red())
    assert shown[0, :, 0, 0].tolist() == [1, 0, 0]
    assert shown[0, 1, 7, 0] > 0.5
    assert shown[0, 0, 7, 0] == 0


def test_a_sheet_has_three_rows_a_clip_and_a_column_a_frame() -> None:
    sheet = contact_sheet([half_red()] * 3, cell_height_px=8, columns=2)
    # A cell is 8 and its gap 4; after a clip come 12 more; two clips a line, two lines.
    assert sheet.shape == (2 * (3 * 12 + 12), 2 * (2 * 12 + 12), 3)
    assert sheet.dtype == np.uint8
    assert sheet[0, 0].tolist() == [255, 0, 0]  # a frame
    assert sheet[0, 12].tolist() == [255, 0, 0]  # the next frame
    assert sheet[12, 0].tolist() != sheet[19, 0].tolist()  # mattes
    assert sheet[24 + 7, 0].tolist()[0] == 0  # green
    assert sheet[-1, -1].tolist() == [255, 255, 255]


def test_the_command_writes_sheets_and_tells_the_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["objects", "--out", str(tmp_path / "out"), "--count", "7", "--size", "32", "40"]
    assert main([*given, "--length", "2"]) == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["sheet_000.png", "sheet_001.png"]
    with Image.open(tmp_path / "out" / "sheet_000.png") as sheet:
        assert sheet.size == (2 * (2 * (180 + 4) + 12), 3 * (3 * (144 + 4) + 12))
    assert "videos/s" in capsys.readouterr().out


def test_a_folder_of_stills_is_made_to_move(tmp_path: Path) -> None:
    for folder, mode in (("image", "RGB"), ("mask", "L")):
        (tmp_path / folder).mkdir()
        Image.new(mode, (50, 40), "white").save(tmp_path / folder / "a.png")
    given = [str(tmp_path), "--out", str(tmp_path / "out"), "--count", "1", "--size", "32", "32"]
    assert main(given) == 0
    assert (tmp_path / "out" / "sheet_000.png").is_file()


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (["nowhere"], 2, "error: no source 'nowhere'; give `objects`, or a folder"),
        (["objects", "--count", "0"], 2, "error: --count is 0; give at least 1"),
        (["objects", "--size", "16", "64"], 2, "error: --size is 16; give at least 32"),
        (["."], 1, "error: .: no clips; put folders into it"),
    ],
)
def test_wrong_use_is_told_in_one_line(
    given: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*given, "--out", str(tmp_path / "out")]) == code
    told = capsys.readouterr().err
    assert told.startswith(message)
    assert told.count("\n") == 1
