"""Stores of arrays, and the work folder that they lie in."""

import contextlib
import json
import zlib
from pathlib import Path

import numpy as np
import pytest

from pocketmatte.cut.store import CHUNK, ArrayStore, chunks
from pocketmatte.cut.work import opened, work_path
from pocketmatte.matting.board import Tensors
from tiers.errors import BundleError, MediaError, UsageError

JOB: dict[str, object] = {"method": "rvm", "rounds": []}


def planes(numbers: range) -> list[np.ndarray]:
    return [np.full((2, 3), number % 251, np.uint8) for number in numbers]


def test_ranges_are_cut_where_chunks_end_in_both_directions() -> None:
    assert chunks(range(60, 130)) == [range(60, 64), range(64, 128), range(128, 130)]
    assert chunks(range(70, -1, -1)) == [range(70, 63, -1), range(63, -1, -1)]
    assert chunks(range(5, 5)) == []


def test_what_is_written_backwards_is_read_forwards(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path / "s", (2, 3))
    for part in chunks(range(70, 2, -1)):
        store.write(part, planes(part))
    again = ArrayStore(tmp_path / "s", (2, 3))
    assert [int(again.read(number)[0, 0]) for number in range(3, 71)] == list(range(3, 71))
    assert (2 in again, 3 in again, 70 in again, 71 in again) == (False, True, True, False)


def test_a_frame_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="lacks frame 4; delete the work folder"):
        ArrayStore(tmp_path / "s", (2, 3)).read(4)


@pytest.mark.parametrize("damage", ["cut", "flipped", "longer", "shorter", "bomb", "empty"])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: str) -> None:
    store = ArrayStore(tmp_path / "s", (2, 3))
    store.write(range(4), planes(range(4)))
    (path,) = (tmp_path / "s").iterdir()
    data = path.read_bytes()
    flipped = bytes(byte ^ (255 * (index == len(data) - 1)) for index, byte in enumerate(data))
    path.write_bytes(
        {
            "cut": data[:-3],
            "flipped": flipped,
            "longer": zlib.compress(bytes(25)),
            "shorter": zlib.compress(bytes(23)),
            "bomb": zlib.compress(bytes(1 << 26)),
            "empty": b"",
        }[damage]
    )
    with pytest.raises(MediaError, match="is damaged; delete the work folder and start again"):
        ArrayStore(tmp_path / "s", (2, 3)).read(0)


def test_arrays_that_do_not_fit_are_a_callers_mistake(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path / "s", (2, 3))
    with pytest.raises(ValueError, match="no part of a chunk"):
        store.write(range(CHUNK - 1, CHUNK + 1), planes(range(2)))
    with pytest.raises(ValueError, match="the store has uint8"):
        store.write(range(1), [np.zeros((3, 2), np.uint8)])


def test_a_disk_that_refuses_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("in the way")
    store = ArrayStore(tmp_path / "s", (2, 3))
    with pytest.raises(BundleError, match="could not write"):
        store.write(range(1), planes(range(1)))
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_the_folder_goes_when_all_is_done_and_stays_with_what_was_kept(tmp_path: Path) -> None:
    out = tmp_path / "out.webm"
    with opened(out, JOB, resume=False) as work:
        assert (work.resumed, work.path) == (False, work_path(out))
    assert not work_path(out).exists()
    stopped(out, 3, {"a": np.arange(4, dtype=np.float32)})
    with opened(out, JOB, resume=True) as work:
        kept = work.kept("pass")
        assert kept is not None
        assert (kept[0], kept[1]["a"].tolist(), work.resumed) == (3, [0, 1, 2, 3], True)
        assert work.kept("other") is None
    assert not work_path(out).exists()


def test_a_run_that_kept_nothing_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="wrong"), opened(tmp_path / "o", JOB, resume=False):
        raise UsageError("wrong")  # noqa: EM101
    assert list(tmp_path.iterdir()) == []


def stopped(out: Path, position: int = 1, tensors: Tensors | None = None) -> None:
    """Begin a run, keep a pass, and stop it there."""
    with contextlib.suppress(KeyboardInterrupt), opened(out, JOB, resume=False) as work:
        work.keep("pass", position, tensors or {})
        raise KeyboardInterrupt


def test_an_unfinished_run_is_not_thrown_away_unasked(tmp_path: Path) -> None:
    stopped(tmp_path / "o")
    with (
        pytest.raises(UsageError, match="add --resume, or delete the folder"),
        opened(tmp_path / "o", JOB, resume=False),
    ):
        pass
    assert (work_path(tmp_path / "o") / "pass.npz").is_file()


def test_another_job_does_not_go_on_with_it_and_is_told_what_differs(tmp_path: Path) -> None:
    stopped(tmp_path / "o")
    other = {**JOB, "method": "matanyone"}
    with (
        pytest.raises(UsageError, match="differs in method; give what it was begun with"),
        opened(tmp_path / "o", other, resume=True),
    ):
        pass


@pytest.mark.parametrize("damage", [b"", b"PK\3\4", b"\x80\x04pickle", None])
def test_damaged_states_are_refused(tmp_path: Path, damage: bytes | None) -> None:
    stopped(tmp_path / "o")
    path = work_path(tmp_path / "o") / "pass.npz"
    path.write_bytes(path.read_bytes()[:-40] if damage is None else damage)
    with (
        pytest.raises(MediaError, match=r"pass\.npz is damaged"),
        opened(tmp_path / "o", JOB, resume=True) as work,
    ):
        work.kept("pass")


def test_a_damaged_job_is_refused(tmp_path: Path) -> None:
    stopped(tmp_path / "o")
    (work_path(tmp_path / "o") / "job.json").write_text('{"method"')
    with (
        pytest.raises(MediaError, match=r"job\.json is damaged"),
        opened(tmp_path / "o", JOB, resume=True),
    ):
        pass


def test_two_runs_do_not_work_in_one_folder(tmp_path: Path) -> None:
    with (
        opened(tmp_path / "o", JOB, resume=False),
        pytest.raises(UsageError, match="another run is at work"),
        opened(tmp_path / "o", JOB, resume=True),
    ):
        pass


def test_a_link_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    work_path(tmp_path / "o").symlink_to(tmp_path / "mine")
    with (
        pytest.raises(UsageError, match="is in the way of the work folder"),
        opened(tmp_path / "o", JOB, resume=True),
    ):
        pass
    assert (tmp_path / "mine" / "file").exists()


def test_what_a_killed_clearing_left_is_not_taken_for_work(tmp_path: Path) -> None:
    stopped(tmp_path / "o")
    (work_path(tmp_path / "o") / "job.json").unlink()
    with opened(tmp_path / "o", JOB, resume=True) as work:
        assert (work.resumed, work.kept("pass")) == (False, None)
        assert json.loads((work.path / "job.json").read_text()) == JOB
