"""The training cache: it is read whole, or what is wrong with it is said."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pocketmatte.training.compositions import ClipComposer
from pocketmatte.training.library import load_library
from pocketmatte.training.made import made
from pocketmatte.training.stages import Stage
from tiers.errors import MediaError

PERSON = {
    "name": "person",
    "role": "cutout",
    "kind": "half",
    "cut": ["bottom"],
    "file": "person.npy",
    "source": "clips_nogt/asl_again.mkv",
    "licence_class": "PERMISSIVE",
    "licence": "a licence",
}


def _cache(folder: Path, version: int = 1, changed: dict[str, object] | None = None) -> Path:
    folder.mkdir()
    pixels = np.full((2, 40, 20, 4), 255, np.uint8)
    np.save(folder / "person.npy", pixels)
    row = {name: value for name, value in (PERSON | (changed or {})).items() if value is not None}
    text = json.dumps({"version": version, "items": [row]})
    (folder / "index.json").write_text(text, "utf-8")
    return folder


def test_a_prepared_cutout_is_composed_without_showing_its_cut_side(tmp_path: Path) -> None:
    cache = _cache(tmp_path / "cache")
    composer = ClipComposer(cache, frame_hw=(96, 160), clip_length=2, seed=0)
    clips = [composer.clip(index) for index in range(40)]
    boxes = [clip for clip in clips if _is_upright_box(clip.alpha[0, 0].numpy())]
    assert boxes
    for clip in boxes:
        assert (clip.alpha[:, :, -1].amax((1, 2)) > 0.99).all()


def _is_upright_box(alpha: np.ndarray) -> bool:
    opaque = alpha > 0.99
    rows, columns = opaque.any(1), opaque.any(0)
    return bool(opaque.sum() > 200 and opaque.sum() == rows.sum() * columns.sum())


def test_a_cache_of_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="has version 99, this program reads 1"):
        load_library(_cache(tmp_path / "cache", 99))


def test_a_folder_that_is_no_cache_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"make it with pocketmatte\.training\.prepare"):
        load_library(tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"file": "../outside.npy"}, r"names '\.\./outside\.npy', which is not in the folder"),
        ({"file": "link.npy"}, r"names 'link\.npy', which is not in the folder"),
        ({"file": "a\0b"}, "which is not in the folder"),
        ({"source": None}, "item 0 has no source"),
        ({"kind": 3}, "item 0 has no kind"),
        ({"cut": "bottom"}, "item 0 has no list of cut sides"),
        ({"role": "person"}, "is a person of kind 'half', which does not exist"),
        ({"kind": "nobody"}, "is a cutout of kind 'nobody', which does not exist"),
        ({"licence_class": "NON-COMMERCIAL"}, "licence class 'NON-COMMERCIAL' and licence 'a lic"),
        ({"licence": " "}, "licence ' ', training takes PERMISSIVE with a licence only"),
    ],
)
def test_a_cache_with_a_wrong_row_is_refused_in_one_line(
    tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    np.save(tmp_path / "outside.npy", np.full((2, 40, 20, 4), 255, np.uint8))
    cache = _cache(tmp_path / "cache", changed=changed)
    (cache / "link.npy").symlink_to(tmp_path / "outside.npy")
    with pytest.raises(MediaError, match=message) as caught:
        load_library(cache)
    assert str(caught.value).endswith("; prepare the folder again")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[]", '"1"', '{"version": 1}', '{"version": 1, "items": [3]}'])
def test_an_index_that_is_no_table_of_items_is_refused(tmp_path: Path, text: str) -> None:
    cache = _cache(tmp_path / "cache")
    (cache / "index.json").write_text(text)
    with pytest.raises(MediaError, match="prepare the folder again"):
        load_library(cache)


def _shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (Path.unlink, "is no readable array"),
        (_shortened, "is no readable array"),
        (lambda path: path.write_bytes(b""), "is no readable array"),
        (lambda path: path.write_bytes(b"\x93NUMPY\1\0\4\0{'('"), "is no readable array"),
        (lambda path: np.save(path, np.array([{}])), "is no readable array"),
        (lambda path: np.save(path, np.ones((2, 4, 4, 4))), r"is float64 \(2, 4, 4, 4\), a cutout"),
        (lambda path: np.save(path, np.ones((2, 4, 4, 3), np.uint8)), r"is uint8 \(T, H, W, 4\)"),
        (lambda path: np.save(path, np.ones((4, 4, 4), np.uint8)), r"is uint8 \(T, H, W, 4\)"),
        (lambda path: np.save(path, np.ones((0, 4, 4, 4), np.uint8)), "or an empty one"),
    ],
    ids=["gone", "short", "empty", "header", "objects", "floats", "no alpha", "flat", "no frame"],
)
def test_training_names_an_array_that_will_not_do(
    tmp_path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    cache = _cache(tmp_path / "cache")
    spoil(cache / "person.npy")
    stage = Stage(
        name="a", steps=1, size_hw=(48, 64), length=2, batch=1, learning_rate=(1e-3, 1e-3),
        distillation=0.0,
    )  # fmt: skip
    with pytest.raises(MediaError, match=message) as caught:
        made(stage, cache, 0)
    assert str(cache / "person.npy") in str(caught.value)
    assert "\n" not in str(caught.value)
