"""A device that speaks the ADB protocol on loopback, for tests with the real adb client.

It shows what our host does with the real client: it is no Android. Files below ``/data/local/tmp``
lie in a folder, commands run in this machine's ``/bin/sh``, and Android's own programs are
stand-ins in ``device_programs`` whose texts are taken from documentation, not recorded.
"""

import contextlib
import os
import shutil
import socket
import stat
import sys
import threading
from pathlib import Path

from tests.adb.device_faults import Faults
from tests.adb.device_shell import serve_shell
from tests.adb.device_sync import serve_sync
from tests.adb.device_wire import MAX_DATA, VERSION, DroppedError, Link, Stream

REMOTE_ROOT = "/data/local/tmp"
PROGRAMS = Path(__file__).parent / "device_programs"
FEATURES = "shell_v2,cmd"
NEWER_FEATURES = "shell_v2,cmd,stat_v2,ls_v2,fixed_push_mkdir,sendrecv_v2"

_AUTH_TOKEN, _AUTH_PUBLIC_KEY = 1, 3
_ARM64 = 183  # e_machine of ELF files for AArch64
_QEMU = 'exec qemu-aarch64 -cpu cortex-a76 -L /usr/aarch64-linux-gnu "$0.arm64" "$@"'


class Device:
    """One device; connect to it with ``adb connect``.

    Args:
        root: An empty folder.
        features: That it says it has.
    """

    def __init__(self, root: Path, features: str = FEATURES) -> None:
        self.root = root / "tmp"
        self.settings = root / "settings"
        self.root.mkdir(parents=True)
        shutil.copytree(PROGRAMS / "texts", self.settings)
        self.features = features
        self.faults = Faults()
        self._taken_bytes = 0
        self.environment = {
            "PATH": f"{PROGRAMS / 'bin'}:{os.environ['PATH']}",
            "DEVICE_SETTINGS": str(self.settings),
            "DEVICE_APPS": str(root / "apps"),
            "EXTERNAL_STORAGE": str(root / "sdcard"),
            "DEVICE_PYTHON": sys.executable,
            "LC_ALL": "C",
        }
        self._links: list[Link] = []
        self._port = 0
        self.within_reach()
        self.serial = f"127.0.0.1:{self._port}"

    def close(self) -> None:
        self.out_of_reach()
        self.unplug()

    def unplug(self) -> None:
        """End every connection at once."""
        for link in self._links:
            link.drop()

    def out_of_reach(self) -> None:
        """Take no connection any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for one
        self._listener.close()

    def within_reach(self) -> None:
        """Take connections, at first or again, under the same serial number."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def path(self, remote: str) -> Path:
        """Return where a file of the device lies on this machine."""
        if remote == REMOTE_ROOT:
            return self.root
        return self.root / remote.removeprefix(f"{REMOTE_ROOT}/").lstrip("/")

    def translated(self, command: str) -> str:
        return command.replace(REMOTE_ROOT, str(self.root))

    def left(self) -> list[str]:
        """Return what a run left below pocketmatte's own folder."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*"))

    def takes_no_more(self, size_bytes: int) -> bool:
        """Count bytes in and say whether the disk is full."""
        self._taken_bytes += size_bytes
        space = self.faults.space_bytes
        if space is None or self._taken_bytes <= space:
            return False
        self.faults.struck += 1
        return True

    def begin_job(self) -> None:
        """Put an emulator before a program for ARM, as binfmt_misc does where it is set up."""
        if any(self.root.rglob("*.arm64")):
            return
        for name in ("ld-linux-aarch64.so.1", "runner"):
            for path in self.root.rglob(name):
                if path.is_file() and _machine(path) == _ARM64:
                    behind = path.rename(path.with_name(f"{name}.arm64"))
                    behind.chmod(0o755)
                    path.write_text(f"#!/bin/sh\n{_QEMU}\n")
                    path.chmod(0o755)
                    return  # a loader takes the program itself

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(connection, self._serve)
            self._links.append(link)
            threading.Thread(target=self._greet, args=(link,), daemon=True).start()

    def _greet(self, link: Link) -> None:
        try:
            _, _, max_data, _ = link.receive()
            link.max_data = min(max_data, MAX_DATA)
            while not self.faults.authorised:
                link.send(b"AUTH", _AUTH_TOKEN, 0, b"\1" * 20)
                _, kind, _, _ = link.receive()
                if kind == _AUTH_PUBLIC_KEY:  # no answer: nobody answers the question on its screen
                    link.receive()
            banner = f"device::ro.product.model=Stand-in;features={self.features}"
            link.send(b"CNXN", VERSION, MAX_DATA, banner.encode())
        except DroppedError:
            link.drop()
            return
        link.serve()

    def _serve(self, service: str, stream: Stream) -> None:
        try:
            if service == "sync:":
                serve_sync(self, stream)
            elif service.startswith(("shell", "exec")):
                serve_shell(self, stream, service)
        except DroppedError:
            return
        finally:
            stream.close()


def _machine(path: Path) -> int | None:
    """Return which processor an ELF file is for; ``None`` if it is none."""
    with path.open("rb") as file:
        head = file.read(20)
    executable = stat.S_ISREG(path.stat().st_mode) and head.startswith(b"\x7fELF")
    return int.from_bytes(head[18:20], "little") if executable else None
