"""The real adb program with a server of its own, which ends with the block."""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

NO_ADB = "not run: adb is not installed (Debian: adb)"


@contextlib.contextmanager
def isolated_adb(home: Path) -> Iterator[str]:
    """Let every adb in this process and below it speak to a private server without mDNS."""
    program = shutil.which("adb")
    if program is None:
        raise FileNotFoundError(NO_ADB)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    private = {
        "ANDROID_ADB_SERVER_PORT": str(port),
        "ADB_MDNS": "0",
        "ADB_MDNS_AUTO_CONNECT": "0",
        "HOME": str(home),
    }
    before = {name: os.environ.get(name) for name in (*private, "ANDROID_HOME")}
    os.environ.update(private)
    os.environ.pop("ANDROID_HOME", None)
    try:
        yield program
    finally:
        quietly(program, "kill-server")
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def quietly(*words: str) -> None:
    subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
