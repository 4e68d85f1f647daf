from collections.abc import Iterator
from pathlib import Path

import pytest

from pocketmatte.report.gather import gathered
from pocketmatte.report.page import write_page
from tests.pocketmatte.report.browser import Browser, browser, chromium
from tests.pocketmatte.report.made import artifact, typical, written

WIDTHS = (1280, 390)
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
VISIBLE = "[...document.querySelectorAll('a.cell')].filter((a) => a.checkVisibility()).length"


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip("not run: the page in a browser needs chromium-headless-shell: make tools")
    with browser(program) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    root, earlier = typical(folder / "now"), written(folder / "earlier", [artifact()])
    write_page(folder / "page.html", gathered(root, against=earlier))
    return folder / "page.html"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_opens_without_a_complaint_a_request_or_an_overflow(
    tab: Browser, page: Path, width: int, dark: bool
) -> None:
    tab.open(page, width, dark=dark)
    assert tab.complaints == []
    assert tab.requests == [page.resolve().as_uri()]
    assert tab.value(OVERFLOW) <= 0
    assert tab.value(VISIBLE) == 6
    assert "3 of 5 files hold, 1 failed." in tab.value("document.body.innerText")


@pytest.mark.parametrize("width", WIDTHS)
def test_every_part_is_readable_with_all_its_tables_open(
    tab: Browser, page: Path, width: int
) -> None:
    tab.open(page, width)
    tab.value("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert tab.value(OVERFLOW) <= 0
    unseen = (
        "[...document.querySelectorAll('h1, h2, h3, td, summary, svg.chart')]"
        ".filter((each) => !each.checkVisibility() || !each.getBoundingClientRect().height).length"
    )
    assert tab.value(unseen) == 0


def test_a_name_as_long_as_it_gets_does_not_widen_the_page(tab: Browser, tmp_path: Path) -> None:
    long = "n" * 400
    root = written(tmp_path / "x", [artifact(long, long, path="a/b")], origin=long)
    write_page(tmp_path / "page.html", gathered(root))
    for width in WIDTHS:
        tab.open(tmp_path / "page.html", width)
        assert tab.value(OVERFLOW) <= 0


def test_a_format_can_be_put_away_without_javascript(tab: Browser, page: Path) -> None:
    tab.open(page, 1280, script=False)
    assert tab.value(VISIBLE) == 6
    assert tab.value("document.querySelectorAll('th button').length") == 0
    tab.value("document.querySelector('#show-f1').click()")  # Core ML
    assert tab.value(VISIBLE) == 4


def test_a_cell_leads_to_its_open_table(tab: Browser, page: Path) -> None:
    tab.open(page, 1280)
    tab.value("document.querySelectorAll('a.cell')[3].click()")
    # the hash changes in a task of its own
    tab.value("new Promise((done) => setTimeout(done, 100))", wait=True)
    assert tab.value("[...document.querySelectorAll('details.tier')].map((each) => each.open)") == [
        False,
        True,
    ]


def test_a_click_on_a_heading_sorts_by_it(tab: Browser, page: Path) -> None:
    tab.open(page, 1280)
    heading = "document.querySelectorAll('#n1t1 th')[4]"
    column = (
        "[...document.querySelectorAll('#n1t1 tbody tr')].map((row) => row.cells[4].dataset.value)"
    )
    tab.value(f"{heading}.querySelector('button').click()")
    assert tab.value(column) == ["6.0", "10.0"]
    tab.value(f"{heading}.querySelector('button').click()")
    assert tab.value(column) == ["10.0", "6.0"]


def test_the_checks_see_a_page_that_complains_asks_and_overflows(
    tab: Browser, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text("<p style='width:3000px'>x<img src='gone.png'><script>nothing()</script>")
    tab.open(bad, 1280)
    assert tab.value(OVERFLOW) > 0
    assert any("nothing is not defined" in each for each in tab.complaints)
    assert any(each.endswith("gone.png") for each in tab.requests)
