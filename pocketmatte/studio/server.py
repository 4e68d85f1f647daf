"""The studio's addresses: the page, its pictures, and what it may ask for."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import cast, get_args

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pocketmatte.pictures import PICTURE_SUFFIXES
from pocketmatte.studio.brush import painted
from pocketmatte.studio.choices import Choice
from pocketmatte.studio.exports import script_text
from pocketmatte.studio.jobs import one_line
from pocketmatte.studio.requests import (
    ChooseRequest,
    ExportRequest,
    FindRequest,
    Pane,
    PaneRequest,
    StrokeRequest,
    parsed,
)
from pocketmatte.studio.session import BEHIND, Session
from pocketmatte.studio.telling import told
from pocketmatte.studio.uploads import body_of, received, told_name
from pocketmatte.studio.views import (
    NothingThereError,
    View,
    difference_picture,
    frame_picture,
    pane_picture,
)
from tiers.errors import MediaError, PocketMatteError, UsageError

_PAGE = {
    "index.html": "text/html",
    "style.css": "text/css",
    "app.js": "text/javascript",
    "brush.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "keys.js": "text/javascript",
    "panes.js": "text/javascript",
    "talk.js": "text/javascript",
    "timeline.js": "text/javascript",
}  # fmt: skip
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")
_TICK_SECONDS = 0.1  # between two looks at whether there is news
_BEAT_TICKS = 100  # after which the page is told that the studio is alive
_WRONG, _BUSY, _NO_ROOM = 400, 409, 507

_Answer = Callable[[Request], Awaitable[Response]]


class Served:
    """Answers the page.

    Args:
        session: What is worked on.
        most_upload_bytes: Of one file.
    """

    def __init__(self, session: Session, most_upload_bytes: int) -> None:
        self._session, self._most = session, most_upload_bytes
        # says whether the studio is about to end, so that streams of news end too
        self.ending: Callable[[], bool] = lambda: False

    @property
    def app(self) -> Starlette:
        """The application, unguarded."""
        gets: dict[str, _Answer] = {
            "/": self._page, "/page/{name}": self._page, "/state": self._state,
            "/events": self._events, "/picture/{view}/{number:int}": self._picture,
            "/picture/{view}/{pane}/{number:int}": self._picture, "/behind": self._behind,
            "/rounds.json": self._rounds, "/download/{number:int}": self._download,
        }  # fmt: skip
        posts: dict[str, _Answer] = {
            "/open": self._open, "/background": self._background, "/stroke": self._stroke,
            "/find": self._find, "/undo": self._undo, "/redo": self._redo, "/clear": self._clear,
            "/choose": self._choose, "/follow": self._follow, "/matte": self._matte,
            "/cancel": self._cancel, "/export": self._export,
        }  # fmt: skip
        routes = [Route(path, answer, methods=["GET"]) for path, answer in gets.items()]
        routes += [Route(path, answer, methods=["POST"]) for path, answer in posts.items()]
        return Starlette(
            routes=routes,
            exception_handlers={
                PocketMatteError: _refused, OSError: _refused, HTTPException: _not_there
            },
        )  # fmt: skip

    async def _page(self, request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in _PAGE:
            raise HTTPException(404)
        part = resources.files("pocketmatte.studio") / "page" / name
        return Response(part.read_bytes(), media_type=_PAGE[name])

    async def _state(self, _: Request) -> Response:
        return JSONResponse(told(self._session))

    async def _events(self, _: Request) -> Response:
        async def news() -> AsyncIterator[str]:
            version, ticks = -1, 0
            while not self.ending():
                if self._session.version != version:
                    version, ticks = self._session.version, 0
                    yield f"data: {json.dumps(told(self._session))}\n\n"
                elif ticks >= _BEAT_TICKS:
                    ticks = 0
                    yield ": alive\n\n"
                await asyncio.sleep(_TICK_SECONDS)
                ticks += 1

        return StreamingResponse(news(), media_type="text/event-stream")

    async def _picture(self, request: Request) -> Response:
        view, number = request.path_params["view"], request.path_params["number"]
        pane = request.path_params.get("pane")
        if view not in get_args(View) or pane not in (None, *get_args(Pane)):
            raise HTTPException(404)
        before = self._session.version
        try:
            return await run_in_threadpool(
                self._drawn, cast("View", view), cast("Pane", pane), number
            )
        except NothingThereError as nothing:
            return _empty(str(nothing))
        except MediaError:
            if self._session.version == before:
                raise
            return _empty("this is being made anew")  # what was read is gone

    def _drawn(self, view: View, pane: Pane | None, number: int) -> Response:
        reel = self._session.required().reel
        if view in ("frame", "thumb"):
            return Response(frame_picture(reel, number, view), media_type="image/jpeg")
        if not 0 <= number < reel.count:
            msg = f"frame {number} is no frame of 0 to {reel.count - 1}"
            raise UsageError(msg)
        left, right = self._session.lane("left"), self._session.lane("right")
        if view == "difference":
            if left is None or right is None:
                return _empty("both panes must run before they can be compared")
            data, mean = difference_picture(reel, left, right, number)
            return Response(data, media_type="image/png", headers={"X-Difference": f"{mean:.5f}"})
        lane = left if pane == "left" else right
        if lane is None:
            return _empty("this pane has not run yet")
        return Response(pane_picture(reel, lane, number, view), media_type="image/png")

    async def _behind(self, _: Request) -> Response:
        path = self._session.folder / BEHIND
        if self._session.background is None or not path.is_file():
            raise HTTPException(404)
        return FileResponse(path, media_type="image/png")

    async def _rounds(self, _: Request) -> Response:
        if not self._session.rounds:
            msg = "no round was drawn yet"
            raise UsageError(msg)
        headers = {"Content-Disposition": 'attachment; filename="rounds.json"'}
        text = script_text(self._session.rounds)
        return Response(text, media_type="application/json", headers=headers)

    async def _download(self, request: Request) -> Response:
        number = request.path_params["number"]
        made = next((e for e in self._session.results.kept if e.number == number), None)
        if made is None or not made.path.is_file():
            msg = "this result is gone; export it again"
            raise UsageError(msg)
        return FileResponse(made.path, filename=made.path.name)

    async def _open(self, request: Request) -> Response:
        with self._session.jobs.idle():  # before anything is sent for nothing
            pass
        name = told_name(request)
        folder = self._session.new_folder("upload")
        suffix = _SUFFIX.fullmatch(Path(name).suffix)
        path = folder / f"source{suffix[0].lower() if suffix else ''}"
        try:
            await received(request, path, self._most)
            job = self._session.open(path, name, uploaded=True)
        except BaseException:  # such as a job that began while the file was sent
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return _started(job)

    async def _background(self, request: Request) -> Response:
        suffix = Path(told_name(request)).suffix.lower()
        if suffix not in PICTURE_SUFFIXES:
            msg = f"a background is a picture: {', '.join(sorted(PICTURE_SUFFIXES))}"
            raise UsageError(msg)
        path = self._session.new_folder("background") / f"picture{suffix}"
        try:
            await received(request, path, self._most)
            await run_in_threadpool(self._session.set_background, path)
        finally:
            path.unlink(missing_ok=True)
            path.parent.rmdir()
        return _started(None)

    async def _stroke(self, request: Request) -> Response:
        asked = parsed(await body_of(request), StrokeRequest)
        size_hw = self._session.required().reel.size_hw
        lines = await run_in_threadpool(
            painted, asked.points, asked.size_px, size_hw, positive=asked.positive
        )
        return _started(self._session.draw(asked.frame, lines, fresh=asked.fresh))

    async def _find(self, request: Request) -> Response:
        asked = parsed(await body_of(request), FindRequest)
        return _started(self._session.draw(asked.frame, (), fresh=False))

    async def _undo(self, _: Request) -> Response:
        await run_in_threadpool(self._session.step_back)
        return _started(None)

    async def _redo(self, _: Request) -> Response:
        await run_in_threadpool(self._session.step_forward)
        return _started(None)

    async def _clear(self, _: Request) -> Response:
        await run_in_threadpool(self._session.clear)
        return _started(None)

    async def _choose(self, request: Request) -> Response:
        asked = parsed(await body_of(request), ChooseRequest)
        choice = Choice(way=asked.way, tier=asked.tier, form=asked.form, recipe=asked.recipe)
        await run_in_threadpool(self._session.choose, asked.pane, choice)
        return _started(None)

    async def _follow(self, request: Request) -> Response:
        return _started(self._session.follow(parsed(await body_of(request), PaneRequest).pane))

    async def _matte(self, request: Request) -> Response:
        return _started(self._session.matte(parsed(await body_of(request), PaneRequest).pane))

    async def _cancel(self, _: Request) -> Response:
        self._session.jobs.cancel()
        return _started(None)

    async def _export(self, request: Request) -> Response:
        return _started(self._session.export(parsed(await body_of(request), ExportRequest)))


def _started(job: int | None) -> Response:
    return JSONResponse({"job": job}, 202 if job is not None else 200)


def _empty(why: str) -> Response:
    """Return no picture, which is no fault: nothing was made yet."""
    return Response(status_code=204, headers={"X-Nothing": why})


def _refused(_: Request, error: Exception) -> Response:
    if isinstance(error, OSError):
        return JSONResponse({"error": one_line(str(error.strerror or error))}, _NO_ROOM)
    status = _BUSY if str(error).startswith("busy") else _WRONG
    return JSONResponse({"error": one_line(str(error))}, status)


def _not_there(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"error": one_line(error.detail)}, error.status_code)
