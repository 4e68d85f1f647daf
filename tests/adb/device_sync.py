"""The ``sync:`` service of a device: stat, send, receive, in the first and the second form."""

import contextlib
import os
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.adb.device_server import Device
    from tests.adb.device_wire import Stream

_CHUNK_BYTES = 64 * 1024
_HEAD = struct.Struct("<4sI")
_STAT2 = struct.Struct("<4sIQQIIIIQqqq")
_NO_SPACE = "write failed: No space left on device"
_ENOENT = 2


def serve_sync(device: "Device", stream: "Stream") -> None:
    """Answer requests until ``QUIT``."""
    while True:
        code, size = _HEAD.unpack(stream.read(_HEAD.size))
        if code == b"QUIT":
            return
        words = stream.read(size).decode()
        time.sleep(device.faults.slow_s)
        if code == b"STAT":
            stream.write(_stat(device.path(words)))
        elif code in (b"STA2", b"LST2"):
            stream.write(_stat2(code, device.path(words)))
        elif code == b"SEND":
            path, _, mode = words.rpartition(",")
            _take(device, stream, device.path(path), int(mode))
        elif code == b"SND2":
            _, mode, _ = struct.unpack("<4sII", stream.read(12))
            _take(device, stream, device.path(words), mode)
        elif code in (b"RECV", b"RCV2"):
            if code == b"RCV2":
                stream.read(8)
            _give(device, stream, device.path(words))
        else:
            _fail(stream, f"unknown request {code!r}")
            return


def _stat(path: Path) -> bytes:
    try:
        found = path.stat()
    except OSError:
        return struct.pack("<4sIII", b"STAT", 0, 0, 0)
    return struct.pack("<4sIII", b"STAT", found.st_mode, found.st_size, int(found.st_mtime))


def _stat2(code: bytes, path: Path) -> bytes:
    try:
        found = path.stat()
    except OSError:
        return _STAT2.pack(code, _ENOENT, *([0] * 10))
    times = (int(found.st_atime), int(found.st_mtime), int(found.st_ctime))
    owner = (found.st_mode, 1, 0, 0)
    return _STAT2.pack(code, 0, found.st_dev, found.st_ino, *owner, found.st_size, *times)


def _take(device: "Device", stream: "Stream", path: Path, mode: int) -> None:
    """Receive a file; one that cannot be written whole is removed again."""
    full = False
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        while True:
            code, size = _HEAD.unpack(stream.read(_HEAD.size))
            if code != b"DATA":
                break
            data = stream.read(size)
            full = full or device.takes_no_more(len(data))
            if device.faults.take_drop_in_push(len(data)):
                stream.link.drop()
            if not full:
                file.write(b"?" + data[1:] if device.faults.take_damage() else data)
    if full:
        path.unlink()
        _fail(stream, _NO_SPACE)
        return
    path.chmod(mode & 0o777)
    with contextlib.suppress(OSError):
        os.utime(path, (size, size))  # DONE carries the time of the file in place of a size
    stream.write(_HEAD.pack(b"OKAY", 0))


def _give(device: "Device", stream: "Stream", path: Path) -> None:
    if device.faults.take_drop_in_pull():
        stream.link.drop()
    try:
        content = path.read_bytes()
    except OSError as error:
        _fail(stream, f"open failed: {error.strerror}")
        return
    for start in range(0, len(content), _CHUNK_BYTES):
        part = content[start : start + _CHUNK_BYTES]
        stream.write(_HEAD.pack(b"DATA", len(part)) + part)
    stream.write(_HEAD.pack(b"DONE", 0))


def _fail(stream: "Stream", message: str) -> None:
    stream.write(_HEAD.pack(b"FAIL", len(message)) + message.encode())
