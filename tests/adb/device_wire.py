"""The ADB wire protocol as a device speaks it: messages, and the streams laid over them."""

import contextlib
import itertools
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable

VERSION = 0x01000001  # from this one on no checksum is looked at
MAX_DATA = 256 * 1024

_HEADER = struct.Struct("<4sIIIII")


class DroppedError(Exception):
    """The other side, or a fault that a test asked for, ended the connection."""


class Link:
    """One TCP connection to an adb server.

    Args:
        connection: Accepted.
        on_open: Called in a thread of its own for each service that is asked for.
    """

    def __init__(self, connection: socket.socket, on_open: "Callable[[str, Stream], None]") -> None:
        self._socket, self._on_open = connection, on_open
        self._sending = threading.Lock()
        self._numbers = itertools.count(1)
        self._streams: dict[int, Stream] = {}
        self.max_data = MAX_DATA
        self.dropped = threading.Event()

    def receive(self) -> tuple[bytes, int, int, bytes]:
        """Return command, both arguments and payload of the next message."""
        command, first, second, size, _, _ = _HEADER.unpack(self._exactly(_HEADER.size))
        return command, first, second, self._exactly(size)

    def send(self, command: bytes, first: int, second: int, payload: bytes = b"") -> None:
        magic = int.from_bytes(command, "little") ^ 0xFFFFFFFF
        checksum = sum(payload) & 0xFFFFFFFF
        header = _HEADER.pack(command, first, second, len(payload), checksum, magic)
        try:
            with self._sending:
                self._socket.sendall(header + payload)
        except OSError as error:
            raise DroppedError from error

    def drop(self) -> None:
        """End the connection at once, as a pulled cable does."""
        self.dropped.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for stream in list(self._streams.values()):
            stream.end()

    def serve(self) -> None:
        """Pass messages on to their streams until the connection ends."""
        try:
            while True:
                self._take(*self.receive())
        except DroppedError:
            self.drop()

    def _take(self, command: bytes, theirs: int, ours: int, payload: bytes) -> None:
        if command == b"OPEN":
            stream = Stream(self, next(self._numbers), theirs)
            self._streams[stream.number] = stream
            self.send(b"OKAY", stream.number, theirs)
            service = payload.rstrip(b"\0").decode()
            threading.Thread(target=self._on_open, args=(service, stream), daemon=True).start()
            return
        stream_or_none = self._streams.get(ours)
        if stream_or_none is None:
            return
        if command == b"WRTE":
            stream_or_none.arrived(payload)
        elif command == b"OKAY":
            stream_or_none.acknowledged()
        elif command == b"CLSE":
            stream_or_none.end()

    def forget(self, number: int) -> None:
        self._streams.pop(number, None)

    def _exactly(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            try:
                part = self._socket.recv(size - len(parts))
            except OSError as error:
                raise DroppedError from error
            if not part:
                raise DroppedError
            parts += part
        return bytes(parts)


class Stream:
    """One service's two-way stream; a write waits until the one before was acknowledged."""

    def __init__(self, link: Link, number: int, theirs: int) -> None:
        self.link, self.number, self._theirs = link, number, theirs
        self._changed = threading.Condition()
        self._inbox: deque[bytes] = deque()
        self._rest = b""
        self._may_write = True
        self._ended = False

    def arrived(self, data: bytes) -> None:
        with self._changed:
            self._inbox.append(data)
            self._changed.notify_all()

    def acknowledged(self) -> None:
        with self._changed:
            self._may_write = True
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        return self._ended

    def read(self, size: int) -> bytes:
        """Return exactly so many bytes."""
        while len(self._rest) < size:
            with self._changed:
                self._changed.wait_for(lambda: self._inbox or self._ended)
                if not self._inbox:
                    raise DroppedError
                self._rest += self._inbox.popleft()
            self.link.send(b"OKAY", self.number, self._theirs)
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def write(self, data: bytes) -> None:
        for start in range(0, len(data), self.link.max_data):
            with self._changed:
                self._changed.wait_for(lambda: self._may_write or self._ended)
                if self._ended:
                    raise DroppedError
                self._may_write = False
            part = data[start : start + self.link.max_data]
            self.link.send(b"WRTE", self.number, self._theirs, part)

    def close(self) -> None:
        """End the stream from this side, after all that was written was acknowledged."""
        with self._changed:
            self._changed.wait_for(lambda: self._may_write or self._ended, timeout=10)
        self.link.forget(self.number)
        with contextlib.suppress(DroppedError):
            self.link.send(b"CLSE", self.number, self._theirs)
