"""Run the studio on this machine until Ctrl-C, and leave nothing behind."""

import signal
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn

from pocketmatte.studio.guard import LOOPBACK, Guard, new_token
from pocketmatte.studio.server import Served
from pocketmatte.studio.session import Session
from tiers.errors import UsageError

_GRACE_SECONDS = 2  # that open requests may take to end


def serve(
    source: Path | None,
    *,
    bundle: Path | None,
    port: int,
    threads: int,
    most_upload_bytes: int,
    browser: bool,
    ready: Callable[[str], None],
) -> None:
    """Serve one session until the process is told to stop.

    Args:
        source: Opened at once.
        bundle: Whose files may run.
        port: To listen on; 0 for any free one.
        threads: Of every runtime.
        most_upload_bytes: Of one file.
        browser: Whether a browser is told to open the page.
        ready: Called with the page's address once it is served.

    Raises:
        UsageError: If the port is taken.
        PocketMatteError: If the bundle is broken.
    """
    with (
        listening(port) as listener,
        tempfile.TemporaryDirectory(prefix="pocketmatte-studio-", ignore_cleanup_errors=True) as at,
    ):
        before = {each: signal.signal(each, _stop) for each in (signal.SIGTERM, signal.SIGHUP)}
        session = Session(Path(at), bundle, threads)
        try:
            if source is not None:
                session.open(source, source.name, uploaded=False)
            _serve(session, listener, most_upload_bytes, browser=browser, ready=ready)
        finally:
            session.close()
            for each, handler in before.items():
                signal.signal(each, handler)


def _serve(
    session: Session,
    listener: socket.socket,
    most_upload_bytes: int,
    *,
    browser: bool,
    ready: Callable[[str], None],
) -> None:
    port, token = listener.getsockname()[1], new_token()
    served = Served(session, most_upload_bytes)
    config = uvicorn.Config(
        Guard(served.app, token, port),
        log_level="error",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    address = f"http://{LOOPBACK}:{port}/{token}/"
    server = uvicorn.Server(config)
    served.ending = lambda: server.should_exit
    signal.signal(signal.SIGHUP, lambda _, __: setattr(server, "should_exit", True))
    ready(address)
    if browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    server.run(sockets=[listener])


def listening(port: int) -> socket.socket:
    """Take a port of this machine alone; 0 for any free one.

    Raises:
        UsageError: If it is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen()  # at once: who is told the address may call before the server runs
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        msg = f"--port {port} cannot be listened on ({reason}); choose another, or 0 for any"
        raise UsageError(msg) from error
    return listener


def _stop(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
