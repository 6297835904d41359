"""What machines of one sitting say to each other: JSON lines over TCP, bounded, and only data."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MOST_LINE_BYTES = 4 << 20
"""More than every package of many environments takes."""
_READ_BYTES = 1 << 16
_SEND_S = 30.0
_OPTIONS = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}
"""A machine that vanishes without a word is missed after half a minute; the kernel looks after it,
so that nobody has to speak while a measurement runs."""

Message = dict[str, Any]


class LostError(Exception):
    """The other machine is gone, or is none of hfbench's; the text says how that was noticed."""


class Line:
    """A connection to another machine; `host` is its address."""

    def __init__(self, connection: socket.socket, host: str) -> None:
        """Take over a connection."""
        self._connection, self.host = connection, host
        self._unread = b""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _OPTIONS.items():
            if hasattr(socket, name):  # macOS lacks some
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def fileno(self) -> int:
        """Return the descriptor, to be told by when there is something to hear."""
        return self._connection.fileno()

    @property
    def is_local(self) -> bool:
        """Whether both ends have the same address."""
        return bool(self._connection.getpeername()[0] == self._connection.getsockname()[0])

    def say(self, event: str, **fields: Any) -> None:
        """Send a message.

        Raises:
            LostError: it does not arrive.
        """
        line = json.dumps({"event": event, **fields}).encode() + b"\n"
        with _told_as_lost():
            self._connection.settimeout(_SEND_S)
            self._connection.sendall(line)

    def hear(self, timeout_s: float | None) -> Message | None:
        """Wait for the next message; None if there is none in time. No timeout waits for ever.

        Raises:
            LostError: the connection is closed, or what comes is no message.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while b"\n" not in self._unread:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not self._read(left):
                return None
        line, _, self._unread = self._unread.partition(b"\n")
        return _parsed(line)

    def heard(self) -> list[Message]:
        """Return the messages that have arrived.

        Raises:
            LostError: as `hear`, once all messages before it were returned.
        """
        messages = []
        try:
            while (message := self.hear(0.0)) is not None:
                messages.append(message)
        except LostError:
            if not messages:
                raise
        return messages

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _read(self, timeout_s: float | None) -> bool:
        """Read what there is; return whether there was anything in time."""
        with _told_as_lost():
            self._connection.settimeout(timeout_s)
            try:
                part = self._connection.recv(_READ_BYTES)
            except BlockingIOError:
                return False
            except TimeoutError as error:
                if error.errno is None:  # it is the caller's time that is up, not the kernel's
                    return False
                raise
        self._unread += part
        if not part:
            raise LostError("it closed the connection")
        if len(self._unread) > MOST_LINE_BYTES:
            raise LostError(f"it sent more than {MOST_LINE_BYTES} bytes in one line")
        return True


@contextmanager
def _told_as_lost() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LostError(error.strerror or str(error)) from error


def _parsed(line: bytes) -> Message:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict) or not isinstance(message.get("event"), str):
        raise LostError("it does not speak as hfbench does")
    return message
