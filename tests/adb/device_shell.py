"""The ``shell:`` and ``exec:`` services of a device, in the first and the second form."""

import contextlib
import os
import signal
import struct
import subprocess
import threading
import time
from typing import IO, TYPE_CHECKING

from tests.adb.device_wire import DroppedError

if TYPE_CHECKING:
    from tests.adb.device_server import Device
    from tests.adb.device_wire import Stream

_OUT, _ERR, _EXIT = 1, 2, 3


def serve_shell(device: "Device", stream: "Stream", service: str) -> None:
    """Run one command and send back what it says; a dropped connection ends what it started.

    What it put into a session of its own goes on, as on a phone.
    """
    kind, _, command = service.partition(":")
    second_form = "v2" in kind.split(",")
    time.sleep(device.faults.slow_s)
    if device.faults.hung(command):
        stream.link.dropped.wait()
        return
    if "setsid" in command:
        device.faults.lose(device.root)
        device.begin_job()
    process = subprocess.Popen(
        ["/bin/sh", "-c", device.translated(command)],
        cwd=device.root,
        env=device.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if second_form else subprocess.STDOUT,
        start_new_session=True,
    )
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(device, stream, command, process, over))
    watch.start()
    sending = threading.Lock()
    pumps = [
        threading.Thread(target=_pump, args=(device, stream, pipe, code, sending))
        for pipe, code in (
            (process.stdout, _OUT if second_form else None),
            (process.stderr, _ERR),
        )
        if pipe is not None
    ]
    for pump in pumps:
        pump.start()
    for pump in pumps:
        pump.join()
    code = process.wait()
    over.set()
    watch.join()
    if second_form:
        stream.write(_packet(_EXIT, bytes([code if code >= 0 else 128 - code])))


def _watch(
    device: "Device",
    stream: "Stream",
    command: str,
    process: subprocess.Popen[bytes],
    over: threading.Event,
) -> None:
    """End a command whose connection is gone, or is to go in the middle of it."""
    while not over.wait(0.01):
        if device.faults.take_drop_in_command(command, device.root):
            if device.faults.away_after_drop:
                device.out_of_reach()
            stream.link.drop()
        if stream.link.dropped.is_set() or stream.ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return


def _pump(
    device: "Device",
    stream: "Stream",
    pipe: IO[bytes],
    code: int | None,
    sending: threading.Lock,
) -> None:
    with pipe:
        while data := os.read(pipe.fileno(), 32 * 1024):
            said = data.replace(b"\n", b"\r\n") if device.faults.crlf else data
            with contextlib.suppress(DroppedError), sending:
                stream.write(said if code is None else _packet(code, said))


def _packet(code: int, data: bytes) -> bytes:
    return struct.pack("<BI", code, len(data)) + data
