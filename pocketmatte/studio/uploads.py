"""What a browser sends: files that are streamed to the disk, and small requests."""

from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from pocketmatte.studio.requests import MOST_BODY_BYTES
from tiers.errors import UsageError

_LONGEST_NAME = 120
_TOO_LARGE = 413


async def received(request: Request, path: Path, most_bytes: int) -> None:
    """Stream a body to a file, whole or not at all.

    Raises:
        HTTPException: If it is larger than may be.
        UsageError: If it is empty.
        OSError: If the disk refuses.
    """
    declared = request.headers.get("content-length", "")
    size_bytes = int(declared) if declared.isdigit() and len(declared) < 20 else 0
    if size_bytes > most_bytes:
        raise _too_large(size_bytes, most_bytes)
    got = 0
    try:
        with path.open("wb") as file:
            async for part in request.stream():
                got += len(part)
                if got > most_bytes:
                    raise _too_large(got, most_bytes)
                await run_in_threadpool(file.write, part)
    except (HTTPException, ClientDisconnect, OSError):
        path.unlink(missing_ok=True)
        raise
    if not got:
        path.unlink(missing_ok=True)
        msg = "the file is empty (0 bytes)"
        raise UsageError(msg)


async def body_of(request: Request) -> bytes:
    """Return a small body, whole.

    Raises:
        HTTPException: If it is no small one.
    """
    got = b""
    async for part in request.stream():
        got += part
        if len(got) > MOST_BODY_BYTES:
            raise _too_large(len(got), MOST_BODY_BYTES)
    return got


def told_name(request: Request) -> str:
    """Return the name that a file has for people; it names no place on this disk."""
    name = request.query_params.get("name", "")
    name = "".join(each for each in name if each.isprintable())
    return name.replace("\\", "/").rsplit("/", 1)[-1][:_LONGEST_NAME] or "unnamed"


def _too_large(size_bytes: int, most_bytes: int) -> HTTPException:
    said = (
        f"{size_bytes / 1e6:.1f} MB are more than {most_bytes / 1e6:.1f} MB; start the studio with "
        "the file's path, or with a larger --most-mb"
    )
    return HTTPException(_TOO_LARGE, said)
