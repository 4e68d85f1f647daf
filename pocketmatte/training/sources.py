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
        MediaError: If there is no such table.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        path = data_dir / "index.csv"
        try:
            with path.open(encoding="utf-8", newline="") as file:
                self._rows = list(csv.DictReader(file))
        except OSError as error:
            msg = f"no index.csv in {data_dir}; give the folder that holds the data"
            raise MediaError(msg) from error

    def source(self, path: Path) -> Source:
        """The entry of a file.

        Raises:
            UsageError: If the index does not list the file, its licence class is not allowed, or
                it belongs to the evaluation clips.
        """
        item = path.relative_to(self._data_dir).as_posix()
        if item.startswith("clips/"):
            msg = f"{item} is for evaluation only; train on clips_nogt, mattes or backgrounds"
            raise UsageError(msg)
        row = next((row for row in self._rows if _lists(row["item"], item)), None)
        if row is None:
            msg = f"index.csv does not list {item}; add its row with the licence, or leave it out"
            raise UsageError(msg)
        if row["licence_class"] not in ALLOWED_LICENCE_CLASSES:
            allowed = ", ".join(sorted(ALLOWED_LICENCE_CLASSES))
            msg = (
                f"{item} has licence class {row['licence_class']!r}, training takes {allowed} "
                "only; leave it out"
            )
            raise UsageError(msg)
        return Source(
            path=path, item=item, licence_class=row["licence_class"], licence=row["licence"]
        )

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
                alpha_path=folder / f"{path.stem}.png",
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
