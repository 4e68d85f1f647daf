"""Small clips of a photographed person, and the matte command run on them."""

import dataclasses
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage import data as samples

from pocketmatte.matte import OUTPUTS
from pocketmatte.media import open_frames
from pocketmatte.media_write import VideoWriter

Frames = list[npt.NDArray[np.uint8]]


def frames(count: int = 2, size_hw: tuple[int, int] = (48, 64)) -> Frames:
    """Crops of a photographed person, each two pixels further right."""
    height, width = size_hw
    picture = samples.astronaut()  # type: ignore[no-untyped-call]
    return [np.ascontiguousarray(picture[:height, x : x + width]) for x in range(0, 2 * count, 2)]


def write(path: Path, pictures: Sequence[npt.NDArray[np.uint8]]) -> Path:
    with VideoWriter(path, pictures[0].shape[:2], Fraction(25)) as writer:
        for picture in pictures:
            writer.write(picture)
    return path


@dataclasses.dataclass(frozen=True)
class Matter:
    """Runs ``pocketmatte matte`` at t01 in PyTorch."""

    cli: Callable[..., Any]
    weights: Path
    out: Path

    def said(self, source: Path, *words: object) -> Any:
        given = ("--tier", "t01", "--weights", self.weights, "--threads", 1, "--out", self.out)
        return self.cli("matte", source, *given, *words)

    def matted(self, source: Path, *words: object) -> dict[str, Any]:
        said = self.said(source, *words, "--json")
        assert said.code == 0, said.err
        result: dict[str, Any] = said.json()
        assert list(result["matted"]["files"]) == list(OUTPUTS)
        return result


def assert_files(
    result: dict[str, Any], count: int, size_hw: tuple[int, int], suffix: str = ".mp4"
) -> None:
    """Every file has the source's frames, and its size but for a row or column that evens it."""
    matted = result["matted"]
    assert (matted["frames"], tuple(matted["size_hw"])) == (count, size_hw)
    even = suffix == ".mp4"
    for name in matted["files"].values():
        source = open_frames(Path(name))
        assert Path(name).suffix == suffix
        assert source.size_hw == tuple(side + side % 2 * even for side in size_hw)
        assert len(list(source)) == count
