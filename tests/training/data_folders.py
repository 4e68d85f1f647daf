"""A data folder of empty files: what may be read is decided before any file is opened."""

import csv
from pathlib import Path

PERMISSIVE_ROWS = {
    "clips_nogt/one_by_one.mp4": "PERMISSIVE",
    "clips_nogt/sam2_01_dog.mp4": "PERMISSIVE",
    "clips_nogt/asl_*.mkv": "PERMISSIVE",
    "clips_nogt/vp9_webrtc_4.webm": "PERMISSIVE",
    "mattes/p3m_pseudo": "PERMISSIVE",
    "mattes/am2k_pseudo": "PERMISSIVE",
    "mattes/aim_pseudo": "PERMISSIVE",
    "mattes/lemur": "PERMISSIVE",
    "backgrounds/photos: dunes, crissy_field": "PERMISSIVE",
    "backgrounds/videos/flower.mp4": "PERMISSIVE",
}
FILES = (
    "clips_nogt/one_by_one.mp4",
    "clips_nogt/sam2_01_dog.mp4",
    "clips_nogt/asl_again.mkv",
    "clips_nogt/vp9_webrtc_4.webm",
    *(f"mattes/p3m_pseudo/image/p_{number}.jpg" for number in range(7)),
    *(f"mattes/am2k_pseudo/image/a_{number}.jpg" for number in range(2)),
    *(f"mattes/aim_pseudo/image/i_{number}.jpg" for number in range(2)),
    "mattes/lemur/image/lemur.jpg",
    "backgrounds/photos/dunes.jpg",
    "backgrounds/photos/crissy_field.jpg",
    "backgrounds/videos/flower.mp4",
)


def data_folder(folder: Path, changed: dict[str, str]) -> Path:
    """Make one; of some items, the licence class is changed."""
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("item", "licence_class", "licence"))
        for item, licence_class in (PERMISSIVE_ROWS | changed).items():
            writer.writerow((item, licence_class, "a licence"))
    return folder
