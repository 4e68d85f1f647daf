"""The page in headless Chromium: a mouse's way from an upload to a download."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pocketmatte.studio.session import Session
from tests.pocketmatte.cut.made import read_alpha_video, sound_packets
from tests.pocketmatte.report.browser import Browser, browser, chromium
from tests.pocketmatte.studio.driven import Driven, running

OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
OVER = "document.querySelector('[data-pane=left] .over')"


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip("not run: the page in a browser needs chromium-headless-shell: make tools")
    with browser(program) as opened:
        yield opened


@pytest.fixture
def page(tab: Browser, session: Session, tmp_path: Path) -> Iterator[Driven]:
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    with running(session) as address:
        yield Driven(tab, address, downloads)
        tab.ask("Page.navigate", url="about:blank")


def test_from_an_upload_to_a_download_by_mouse(page: Driven, video: Path) -> None:
    page.open(video)
    assert page.tab.value(f"{OVER}.hidden")  # no mask yet
    page.choose("[data-pane=left] [data-of=tier]", "t01")
    page.stroke((0.45, 0.3), (0.5, 0.5), (0.48, 0.8))
    assert not page.tab.value(f"{OVER}.hidden")
    page.click("#remove")
    page.stroke((0.05, 0.1), (0.12, 0.3))
    assert [each["kind"] for each in page.state()["rounds"]] == ["keep", "remove"]
    page.do("#follow")
    page.click("#next")
    page.click("#next")
    page.shows("2 mask")
    assert not page.tab.value(f"{OVER}.hidden")  # it was carried here
    page.click("#keep")
    page.stroke((0.5, 0.35), (0.52, 0.6))
    page.do("#follow")
    assert page.tab.value("document.querySelectorAll('.marks .template').length") == 2
    page.do("#matte")
    page.click("[data-view=cutout]")
    page.shows("2 cutout")
    page.click("#compare")
    page.choose("[data-pane=right] [data-of=tier]", "t02")
    page.do("[data-pane=right] .run")
    page.click("[data-view=difference]")
    page.until(
        "document.querySelector('[data-pane=right] .nothing').textContent.startsWith('mean')"
    )
    told = page.tab.value("document.querySelector('[data-pane=right] .figures').textContent")
    assert "ms a frame" in told
    assert "MB · on this host" in told
    page.click("#export-button")
    page.choose("#export-pane", "right")
    page.do("#export-go")
    made = page.downloaded(".webm")
    pictures = read_alpha_video(made)
    assert len(pictures) == 7
    assert {int(p[..., 3].max()) > 240 and int(p[..., 3].min()) < 10 for p in pictures} == {True}
    assert sound_packets(made)
    assert page.tab.complaints == []


def test_the_page_asks_nothing_of_any_other_machine(page: Driven, video: Path) -> None:
    page.open(video)
    page.do("#find")
    page.key("3")
    page.settled()
    home = page.tab.value("location.origin")
    assert page.tab.requests
    assert [url for url in page.tab.requests if not url.startswith((home, f"blob:{home}"))] == []
    assert page.tab.complaints == []


@pytest.mark.parametrize("size", [(1280, 800), (1024, 640), (390, 800)])
def test_nothing_is_wider_than_the_window(page: Driven, video: Path, size: tuple[int, int]) -> None:
    page.size(*size)
    assert page.tab.value(OVERFLOW) <= 0
    page.open(video)
    page.click("#compare")
    page.settled()
    assert page.tab.value(OVERFLOW) <= 0
    unnamed = (
        "[...document.querySelectorAll('button, select, input:not([type=file]), canvas')]"
        ".filter((e) => e.checkVisibility() && !(e.textContent.trim() || e.ariaLabel ||"
        " e.labels?.length)).map((e) => e.outerHTML)"
    )
    assert page.tab.value(unnamed) == []


def test_keys_find_undo_redo_and_walk(page: Driven, video: Path) -> None:
    page.open(video)
    page.choose("[data-pane=left] [data-of=tier]", "t01")
    before = page.ended()
    page.key("f")
    page.job_after(before)
    page.key("z")
    page.until(f"{OVER}.hidden")
    page.key("Z", shift=True)
    page.until(f"!{OVER}.hidden")
    page.key("ArrowRight")
    page.until("document.getElementById('frame-told').textContent === 'frame 1 of 7'")
    page.key("e")
    assert page.tab.value("document.getElementById('remove').ariaChecked") == "true"
    size = page.tab.value("document.getElementById('size-told').textContent")
    page.key("]")
    assert page.tab.value("document.getElementById('size-told').textContent") != size
    page.key("?")
    assert page.tab.value("document.getElementById('keys').open")


def test_a_finger_paints_too(page: Driven, video: Path) -> None:
    page.open(video)
    page.choose("[data-pane=left] [data-of=tier]", "t01")
    box = page.tab.value(
        "(({left, top, width, height}) => [left, top, width, height])"
        "(document.querySelector('.ink').getBoundingClientRect())"
    )
    places = [(box[0] + box[2] * 0.5, box[1] + box[3] * y) for y in np.linspace(0.3, 0.7, 5)]
    before = page.ended()
    for kind, (x, y) in zip(["touchStart", *["touchMove"] * 4], places, strict=True):
        page.tab.ask("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
    page.tab.ask("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    page.job_after(before)
    assert [each["kind"] for each in page.state()["rounds"]] == ["keep"]


def test_what_is_no_video_is_told_in_the_page(page: Driven, tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("no video")
    page.upload(path)
    page.until("!document.getElementById('error').hidden")
    said = page.tab.value("document.getElementById('error-told').textContent")
    assert "is no readable video" in said
    assert page.tab.value("document.querySelector('body.empty') !== null")


def test_a_long_job_is_stopped(page: Driven, video: Path) -> None:
    page.open(video)
    page.do("#find")
    page.click("#matte")
    page.until("!document.getElementById('job').hidden")
    page.tab.value("document.getElementById('stop').click()")
    page.until("document.getElementById('job').hidden")
    assert page.state()["ended"]["cancelled"]
