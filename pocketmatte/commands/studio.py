"""``pocketmatte studio``: pick, follow, matte and compare in the browser."""

import contextlib
import importlib.util
import sys
from pathlib import Path
from typing import Annotated

import typer

from pocketmatte.commands.running import ThreadsOption
from pocketmatte.console import JsonFlag, emit, note, require_at_least
from tiers.errors import RuntimeUnavailableError, UsageError

_LIBRARIES = ("starlette", "uvicorn")
_HIGHEST_PORT = 65535
_MOST_MB = 2000  # of an upload: an hour of a phone's video has more, a scene has less


def studio(
    source: Annotated[
        Path | None,
        typer.Argument(metavar="[VIDEO|IMAGE]", help="Opened at once; the page can open others."),
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Its files can be chosen beside PyTorch.")
    ] = None,
    port: Annotated[int, typer.Option(help="To listen on; any free one when left out.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    most_mb: Annotated[int, typer.Option(help="Largest file that the page may send.")] = _MOST_MB,
    threads: ThreadsOption = 2,
    as_json: JsonFlag = False,
) -> None:
    """Pick a subject by strokes, follow it, matte it and compare, in a page of this machine.

    The page is served to this machine alone, at an address with a token that nobody else knows.
    What is opened in it is kept in a private folder that goes when the studio ends: by Ctrl-C.

    Examples:
        pocketmatte studio

        pocketmatte studio clip.mp4 --bundle build/bundle

        pocketmatte studio --port 8765 --no-browser
    """
    require_at_least("--threads", threads)
    require_at_least("--most-mb", most_mb)
    if not 0 <= port <= _HIGHEST_PORT:
        msg = f"--port is {port}; give 1 to {_HIGHEST_PORT}, or 0 for any free one"
        raise UsageError(msg)
    if any(importlib.util.find_spec(name) is None for name in _LIBRARIES):
        msg = (
            f"the studio needs {' and '.join(_LIBRARIES)}, which are not installed; "
            "run pip install 'pocketmatte[studio]'"
        )
        raise RuntimeUnavailableError(msg)
    if source is not None:
        from pocketmatte.media import open_frames

        open_frames(source)  # a file that is no video is refused before anything is served
    from pocketmatte.studio.serving import serve

    with contextlib.suppress(KeyboardInterrupt):  # which is how it is ended
        serve(
            source,
            bundle=bundle,
            port=port,
            threads=threads,
            most_upload_bytes=most_mb * 1_000_000,
            browser=browser,
            ready=lambda address: _tell(address, as_json=as_json),
        )
    note("the studio ended; what it kept is gone")


def _tell(address: str, *, as_json: bool) -> None:
    """Say where the page is; with ``--json`` at once, though the command goes on."""
    if as_json:
        emit({"address": address}, None, as_json=True)
        sys.stdout.flush()
    else:
        note(f"the studio is at {address} - Ctrl-C ends it")
