"""The pictures of docs/studio.md: the studio at work in headless Chromium.

``python -m runtime_tests.studio_pictures`` writes docs/studio/*.png anew: a photograph that comes
with scikit-image, moved about, is opened, picked, followed, matted and compared by mouse. The
milliseconds in the pictures are of the machine that made them.
"""

import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from export.artifact import inside
from pocketmatte.media_write import VideoWriter
from pocketmatte.pseudo_video import pseudo_video, standard_picture
from pocketmatte.studio.session import Session
from tests.pocketmatte.report.browser import browser, chromium
from tests.pocketmatte.studio.driven import Driven, running
from tiers.errors import RuntimeUnavailableError

FOLDER = Path("docs", "studio")
MOST_BYTES = 250_000
_SIZE_HW, _FRAMES, _RATE = (360, 640), 24, Fraction(24)
_THREADS = 2
_COLOURS = (256, 192, 128, 96, 64)  # the most that fit are taken


def write_pictures(folder: Path) -> list[Path]:
    """Write all pictures and return them.

    Raises:
        RuntimeUnavailableError: If there is no Chromium, or a picture stays too large.
    """
    program = chromium()
    if program is None:
        msg = "no chromium-headless-shell here; make tools installs it on Debian"
        raise RuntimeUnavailableError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        for part in ("private", "downloads"):
            (room / part).mkdir()
        video = _video(room / "astronaut.mp4")
        session = Session(room / "private", None, _THREADS)
        try:
            with browser(program) as tab, running(session) as address:
                page = Driven(tab, address, room / "downloads")
                page.open(video)
                kept = []
                for title, act in _STEPS:
                    act(page)
                    kept.append(_kept(page, room, folder / title))
                return kept
        finally:
            session.close()


def _pick(page: Driven) -> None:
    """A subject that was found, and a stroke on its way."""
    page.do("#find")
    page.tab.value("(s => { s.value = 62; s.dispatchEvent(new Event('input')); })(size)")
    page.stroke((0.43, 0.12), (0.52, 0.08), (0.58, 0.2), (0.6, 0.33))
    page.hold((0.39, 0.7), (0.46, 0.78), (0.53, 0.83), (0.6, 0.78))


def _follow(page: Driven) -> None:
    """Carried to all frames from two templates, the second one corrected."""
    before = page.ended()
    page.release()
    page.job_after(before)
    page.do("#follow")
    for _ in range(15):
        page.click("#next")
    page.shows("15 mask")
    page.stroke((0.42, 0.72), (0.5, 0.82), (0.58, 0.75))
    page.do("#follow")
    for _ in range(4):
        page.click("#previous")
    page.shows("11 mask")


def _compare(page: Driven) -> None:
    """Two tiers beside each other, cut out."""
    page.do("#matte")
    page.click("#compare")
    page.do("[data-pane=right] .run")
    page.click("[data-view=cutout]")
    page.shows("11 cutout")


def _difference(page: Driven) -> None:
    """Where the two differ."""
    page.click("[data-view=difference]")
    page.shows("11 difference")


_STEPS = (
    ("pick.png", _pick),
    ("follow.png", _follow),
    ("compare.png", _compare),
    ("difference.png", _difference),
)


def _video(path: Path) -> Path:
    with VideoWriter(path, _SIZE_HW, _RATE) as writer:
        frames = pseudo_video(standard_picture("astronaut"), _SIZE_HW, _FRAMES, closed=True)
        for frame in frames:
            writer.write(frame)
    return path


def _kept(page: Driven, room: Path, path: Path) -> Path:
    """Keep what is seen, in as many colours as fit."""
    shot = inside(room, path.name)
    page.tab.picture(shot)
    seen = Image.fromarray(np.asarray(Image.open(shot).convert("RGB")))
    for colours in _COLOURS:
        few = seen.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            return path
    msg = f"{path} has {path.stat().st_size} bytes in {colours} colours; {MOST_BYTES} are the most"
    raise RuntimeUnavailableError(msg)


def main() -> None:
    """Write the pictures of the working folder's docs."""
    for path in write_pictures(FOLDER):
        sys.stdout.write(f"{path} {path.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
