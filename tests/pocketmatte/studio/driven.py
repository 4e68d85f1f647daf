"""A studio of this process, and a browser whose mouse and keys are moved in it."""

import contextlib
import itertools
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn

from pocketmatte.studio.guard import LOOPBACK, Guard, new_token
from pocketmatte.studio.server import Served
from pocketmatte.studio.serving import listening
from pocketmatte.studio.session import Session
from tests.pocketmatte.report.browser import Browser

_SECONDS = 120.0  # that anything may take on a loaded machine
_STEPS = 6  # of a stroke of the mouse


@contextlib.contextmanager
def running(session: Session, *, most_upload_bytes: int = 50_000_000) -> Iterator[str]:
    """Serve a session in a thread; yield its address."""
    with listening(0) as listener:
        token, port = new_token(), listener.getsockname()[1]
        served = Served(session, most_upload_bytes)
        config = uvicorn.Config(
            Guard(served.app, token, port), log_level="error", lifespan="off", ws="none"
        )
        server = uvicorn.Server(config)
        served.ending = lambda: server.should_exit
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{port}/{token}/"
        finally:
            server.should_exit = True
            thread.join(_SECONDS)


class Driven:
    """The page in a browser.

    Args:
        tab: The browser.
        address: Of the studio.
        downloads: Where downloads go.
    """

    def __init__(self, tab: Browser, address: str, downloads: Path) -> None:
        self.tab, self._downloads = tab, downloads
        self._held = (0.0, 0.0)  # where the button is down
        tab.events.clear()
        self.size(1280, 800)
        tab.ask("DOM.enable")
        tab.ask("Page.setDownloadBehavior", behavior="allow", downloadPath=str(downloads.resolve()))
        tab.ask("Page.navigate", url=address)
        self.until(
            "document.readyState === 'complete' && document.querySelector('body.empty') !== null"
        )

    def size(self, width: int, height: int) -> None:
        """Make the window so large, in pixels."""
        self.tab.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def until(self, expression: str) -> Any:
        """Wait until an expression gives something; return it."""
        end = time.monotonic() + _SECONDS
        while not (found := self.tab.value(expression)):
            if time.monotonic() > end:
                told = self.tab.value("document.getElementById('error-told')?.textContent")
                msg = f"never came true: {expression}; the page says {told!r}"
                raise TimeoutError(msg)
            time.sleep(0.03)
        return found

    def upload(self, path: Path, chooser: str = "file") -> None:
        """Choose a file in one of the page's choosers."""
        root = self.tab.ask("DOM.getDocument")["root"]["nodeId"]
        node = self.tab.ask("DOM.querySelector", nodeId=root, selector=f"#{chooser}")["nodeId"]
        self.tab.ask("DOM.setFileInputFiles", nodeId=node, files=[str(path.resolve())])

    def open(self, path: Path) -> None:
        """Upload a source and wait until its first frame is seen."""
        self.upload(path)
        name = json.dumps(path.name)
        self.until(f"document.getElementById('source-name').textContent === {name}")
        self.settled()

    def settled(self) -> None:
        """Wait until no job runs and the panes show what they should."""
        self.until("document.getElementById('job').hidden")
        panes = "[...document.querySelectorAll('.pane:not([hidden])')]"
        self.until(f"{panes}.every((pane) => pane.dataset.shows)")

    def click(self, selector: str) -> None:
        """Click in the middle of an element, with the mouse."""
        x, y = self._middle(selector)
        self._mouse("mousePressed", x, y, clicks=1)
        self._mouse("mouseReleased", x, y, clicks=1)

    def do(self, selector: str) -> None:
        """Click what starts a job, and wait until it ended well."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.until(f"{found}.checkVisibility() && !{found}.disabled")
        before = self.ended()
        self.click(selector)
        self.job_after(before)

    def stroke(self, *points: tuple[float, float]) -> None:
        """Draw through points, in shares of the frame, and wait for the mask."""
        before = self.ended()
        self.hold(*points)
        self.release()
        self.job_after(before)

    def hold(self, *points: tuple[float, float]) -> None:
        """Draw through points and keep the button down."""
        box = self.tab.value(
            "(({left, top, width, height}) => [left, top, width, height])"
            "(document.querySelector('.ink').getBoundingClientRect())"
        )
        places = [(box[0] + box[2] * x, box[1] + box[3] * y) for x, y in points]
        self._mouse("mouseMoved", *places[0])
        self._mouse("mousePressed", *places[0], clicks=1)
        for start, end in itertools.pairwise(places):
            for step in range(1, _STEPS + 1):
                share = step / _STEPS
                x, y = (a + (b - a) * share for a, b in zip(start, end, strict=True))
                self._mouse("mouseMoved", x, y, buttons=1)
        self._held = places[-1]

    def release(self) -> None:
        """Let go of the button."""
        self._mouse("mouseReleased", *self._held, clicks=1)

    def shows(self, what: str) -> None:
        """Wait until all panes show a frame in a view: ``11 cutout``."""
        panes = "[...document.querySelectorAll('.pane:not([hidden])')]"
        self.until(f"{panes}.every((pane) => pane.dataset.shows.startsWith({json.dumps(what)}))")

    def key(self, key: str, *, shift: bool = False) -> None:
        """Press a key."""
        text = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            held = text if kind == "keyDown" else {}
            modifiers = 8 * shift
            self.tab.ask("Input.dispatchKeyEvent", type=kind, key=key, modifiers=modifiers, **held)

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a select by its value or its text."""
        found = self.tab.value(
            f"(() => {{ const select = document.querySelector({json.dumps(selector)});"
            f" const option = [...select.options].find((o) => [o.value, o.text].includes("
            f"{json.dumps(value)})); if (!option) return false; select.value = option.value;"
            " select.dispatchEvent(new Event('change', {bubbles: true})); return true; })()"
        )
        assert found, f"{selector} has no {value}"

    def state(self) -> dict[str, Any]:
        """What the studio tells the page."""
        found: dict[str, Any] = self.tab.value("fetch('state').then((a) => a.json())", wait=True)
        return found

    def ended(self) -> int:
        """Return the number of the job that ended last."""
        number: int = self.state()["ended"]["number"]
        return number

    def job_after(self, before: int) -> None:
        """Wait until a later job ended, and refuse one that failed."""
        end = time.monotonic() + _SECONDS
        while (state := self.state())["ended"]["number"] <= before or state["job"]:
            if time.monotonic() > end:
                msg = f"no job ended: {state}"
                raise TimeoutError(msg)
            time.sleep(0.03)
        assert state["ended"]["error"] is None, state["ended"]["error"]
        self.until(f"document.querySelector('.pane').dataset.shows.endsWith(' {state['version']}')")
        self.settled()

    def downloaded(self, suffix: str) -> Path:
        """Wait for a whole download; return it."""
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            for path in self._downloads.glob(f"*{suffix}"):
                return path
            time.sleep(0.03)
        msg = f"nothing like *{suffix} came to {sorted(self._downloads.iterdir())}"
        raise TimeoutError(msg)

    def _middle(self, selector: str) -> tuple[float, float]:
        found = self.tab.value(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'nearest'}); const b = e.getBoundingClientRect();"
            " const [x, y] = [b.left + b.width / 2, b.top + b.height / 2];"
            " const top = document.elementFromPoint(x, y);"
            " return [x, y, e === top || e.contains(top)]; })()"
        )
        assert found[2], f"{selector} is covered by something"
        return found[0], found[1]

    def _mouse(self, kind: str, x: float, y: float, *, buttons: int = 0, clicks: int = 0) -> None:
        button = "left" if clicks or buttons else "none"
        held = 1 if kind == "mousePressed" else buttons
        self.tab.ask(
            "Input.dispatchMouseEvent",
            type=kind, x=x, y=y, button=button, buttons=held, clickCount=clicks,
        )  # fmt: skip
