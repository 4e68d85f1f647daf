"""Which pictures may be trained on: the allow-list, checked against the data folder's own index."""

import csv
import dataclasses
import fnmatch
from pathlib import Path

from tiers.errors import MediaError, UsageError

# A trained network is to be released for any use; every other class forbids that or is unclear.
ALLOWED_LICENCE_CLASSES = frozenset({"PERMISSIVE"})

# `kind` of a matte set; portraits are told apart into `full` and `half` by their lower edge.
MATTE_SETS = {
    "p3m_pseudo": "person",
    "am2k_pseudo": "thing",
    "aim_pseudo": "thing",
    "lemur": "thing",
}
SUBTRACTED_CLIPS = ("one_by_one.mp4", "sam2_01_dog.mp4")
TEACHER_CLIPS = ("asl_*.mkv", "vp9_webrtc_4.webm")
BACKGROUND_VIDEOS = ("flower.mp4",)

# Backgrounds of the evaluation clips, from the same originals: a network that has seen them would
# score too well. The clips themselves are never read.
EVALUATION_BACKGROUNDS = frozenset({"crissy_field", "room", "palms_moving_camera"})

# In sorted order of file name, every fifth item of a matte set is for evaluation.
_EVALUATION_STRIDE = 5

_COLUMNS = ("item", "licence_class", "licence")  # of index.csv, beside others


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A file that may be trained on.

    Attributes:
        path: The file.
        item: Its path within the data folder, ``/`` between parts.
        licence_class: As the index has it.
        licence: The licence's name, as the index has it.
    """

    path: Path
    item: str
    licence_class: str
    licence: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Matte:
    """A picture with its alpha; ``kind`` is ``person`` or ``thing``."""

    source: Source
    alpha_path: Path
    kind: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """What is trained on, by what is done with it."""

    photos: tuple[Source, ...]
    videos: tuple[Source, ...]
    mattes: tuple[Matte, ...]
    subtracted: tuple[Source, ...]
    taught: tuple[Source, ...]


class SourceIndex:
    """The data folder's table of items and licences.

    Args:
        data_dir: Folder with ``index.csv``.

    Raises:
        MediaError: If there is no such table, or it cannot be read.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        path = data_dir / "index.csv"
        try:
            with path.open(encoding="utf-8", newline="") as file:
                table = csv.DictReader(file)
                columns = table.fieldnames or ()
                self._rows = list(table)
        except OSError as error:
            msg = f"no index.csv in {data_dir}; give the folder that holds the data"
            raise MediaError(msg) from error
        except (ValueError, csv.Error) as error:
            msg = f"{path} cannot be read ({error}); save it as CSV in UTF-8"
            raise MediaError(msg) from error
        missing = [name for name in _COLUMNS if name not in columns]
        if missing:
            msg = f"{path} has no column {missing[0]}; it needs {', '.join(_COLUMNS)}"
            raise MediaError(msg)

    def source(self, path: Path) -> Source:
        """The entry of a file, for which all rows speak that are about it or a folder above it.

        Raises:
            UsageError: If it is a link or lies outside, the index does not list it, a row of it
                has no licence or a class that is not allowed, or it is for evaluation.
        """
        item = self._item(path)
        if item.startswith("clips/"):
            msg = f"{item} is for evaluation only; train on clips_nogt, mattes or backgrounds"
            raise UsageError(msg)
        rows = [row for row in self._rows if _lists(row["item"] or "", item)]
        if not rows:
            msg = f"index.csv does not list {item}; add its row with the licence, or leave it out"
            raise UsageError(msg)
        for row in rows:
            if row["licence_class"] not in ALLOWED_LICENCE_CLASSES:
                allowed = ", ".join(sorted(ALLOWED_LICENCE_CLASSES))
                msg = (
                    f"{item} has licence class {row['licence_class']!r}, training takes {allowed} "
                    "only; leave it out"
                )
                raise UsageError(msg)
            if not (row["licence"] or "").strip():
                msg = f"{item} has no licence in index.csv; name it there, or leave the file out"
                raise UsageError(msg)
        return Source(
            path=path, item=item, licence_class=rows[0]["licence_class"], licence=rows[0]["licence"]
        )

    def _item(self, path: Path) -> str:
        """Return the path within the data folder of a file that lies there itself."""
        if not path.is_relative_to(self._data_dir) or ".." in path.parts:
            msg = f"{path} is not in {self._data_dir}; train on what index.csv speaks of"
            raise UsageError(msg)
        item = path.relative_to(self._data_dir)
        if path.resolve() != self._data_dir.resolve() / item:
            msg = f"{item.as_posix()} is a link; put the file itself there, with its own licence"
            raise UsageError(msg)
        return item.as_posix()

    def selection(self) -> Selection:
        """Everything of the data folder that is trained on, checked before any work is done.

        Raises:
            UsageError: As `source`.
            MediaError: If a folder or file is missing.
        """
        return Selection(
            photos=tuple(self.source(path) for path in self._background_photos()),
            videos=tuple(self._listed(f"backgrounds/videos/{name}") for name in BACKGROUND_VIDEOS),
            mattes=tuple(matte for name in MATTE_SETS for matte in self._mattes(name)),
            subtracted=tuple(self._listed(f"clips_nogt/{name}") for name in SUBTRACTED_CLIPS),
            taught=tuple(
                self.source(path)
                for pattern in TEACHER_CLIPS
                for path in self._files("clips_nogt", pattern)
            ),
        )

    def _files(self, folder: str, pattern: str) -> list[Path]:
        paths = sorted((self._data_dir / folder).glob(pattern))
        if not paths:
            msg = f"no {pattern} in {self._data_dir / folder}; give the whole data folder"
            raise MediaError(msg)
        return paths

    def _listed(self, item: str) -> Source:
        folder, name = item.rsplit("/", 1)
        return self.source(self._files(folder, name)[0])

    def _mattes(self, set_name: str) -> list[Matte]:
        """Pictures of a matte set; every fifth one is left to evaluation."""
        pictures = self._files(f"mattes/{set_name}/image", "*")
        if len(pictures) > 1:
            pictures = [p for i, p in enumerate(pictures) if i % _EVALUATION_STRIDE]
        folder = self._data_dir / "mattes" / set_name / "alpha"
        return [
            Matte(
                source=self.source(path),
                alpha_path=self.source(folder / f"{path.stem}.png").path,
                kind=MATTE_SETS[set_name],
            )
            for path in pictures
        ]

    def _background_photos(self) -> list[Path]:
        """Photos that no evaluation clip shows; those named ``blur_*`` come without a licence."""
        return [
            path
            for path in self._files("backgrounds/photos", "*.jpg")
            if path.stem not in EVALUATION_BACKGROUNDS and not path.stem.startswith("blur_")
        ]


def _lists(entry: str, item: str) -> bool:
    """Whether an index entry is about a file: a path, a pattern, a folder, or ``folder: names``."""
    folder, colon, names = entry.partition(": ")
    if colon:
        path = Path(item)
        return path.parent.as_posix() == folder and path.stem in names.split(", ")
    return fnmatch.fnmatchcase(item, entry) or item.startswith(f"{entry}/")
