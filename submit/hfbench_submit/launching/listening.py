"""Listen to one worker while it measures: asleep until it speaks, ends, or falls silent."""

import contextlib
import json
import os
import selectors
from collections.abc import Callable, Mapping
from enum import Enum, auto
from time import monotonic
from types import TracebackType
from typing import Any, Self

from hfbench_submit.launching.process_groups import EXIT_GRACE_S

MOST_ANSWER_BYTES = 16 << 20
"""Ten times the longest honest answer; beyond it the worker is ended, for it never stops."""
TAIL_BYTES = 1500
"""What is kept of what a worker printed: leaves room in a reason for how the worker ended."""
_READ_BYTES = 1 << 20  # more than a pipe holds, so that one read empties it
_FINAL = {"measured", "failed"}
_SIGNS_OF_LIFE = {"phase", "window"}

OnMessage = Callable[[dict[str, Any]], None]


class Heard(Enum):
    """What follows from what was heard beside a worker: `STOP` ends the worker as well."""

    MORE_TO_COME = auto()
    NO_MORE_TO_COME = auto()
    STOP = auto()


Beside = Mapping[int, Callable[[], Heard]]
"""Descriptors to listen on beside a worker, and what takes in what there is to read."""


class Listener:
    """Takes in a worker's answers and the end of what it prints, neither without bound.

    `messages` are the answers, the last one of each event; `phase` is the last phase that the
    worker began; `tail` is the end of what it printed; `ended` says that the worker has ended, as
    far as its descriptors tell.
    """

    def __init__(
        self,
        answer: int,
        printed: int,
        end: int | None,
        on_message: OnMessage | None,
        beside: Beside | None = None,
    ) -> None:
        """Listen on descriptors, which stay the caller's to close.

        Args:
            answer: gives the worker's JSON lines.
            printed: gives whatever else it prints.
            end: becomes readable when the worker has ended; without it, the end of `answer` says
                so.
            on_message: is called with each answer as it arrives.
            beside: others to listen to meanwhile, any of which can end the worker: it then has a
                short while to say why it ends itself.
        """
        self.messages: dict[str, dict[str, Any]] = {}
        self.phase = "start"
        self._printed, self._cut = b"", False
        self._line = b""
        self._received = 0
        self._silent_since = monotonic()
        self._on_message = on_message
        self._beside = beside or {}
        self._said_all, self.ended, self._end = False, False, end
        self._selector = selectors.DefaultSelector()
        for descriptor, handler in ((answer, self._hear), (printed, self._keep_tail)):
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ, handler)
        for descriptor in (*self._beside, *(() if end is None else (end,))):
            self._selector.register(descriptor, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        """Return the listener itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self._selector.close()

    @property
    def tail(self) -> str:
        """The end of what the worker printed, from the beginning of a line or word on.

        A part of a path would no longer look like one, and escape from being made unreadable.
        """
        text = self._printed.decode(errors="replace")
        return from_a_beginning(text) if self._cut else text

    def listen(self, timeout_s: float, until: str | None = None) -> bool:
        """Sleep until the worker ends; return whether it fell silent for `timeout_s` before that.

        Each phase and each window of calls that it announces gives it the whole time again. Once
        it has said all, it gets a short while to exit. The event `until` ends the sleep as well.
        """
        self._silent_since = monotonic()
        while not self.ended and until not in self.messages:
            ready = self._selector.select(max(0.0, self._deadline(timeout_s) - monotonic()))
            if not ready:
                return not self._said_all
            # The end last, so that nothing said before it is lost.
            for key, _ in sorted(ready, key=lambda one: one[0].fd == self._end):
                self._take(key)
        return False

    def _deadline(self, timeout_s: float) -> float:
        return self._silent_since + (EXIT_GRACE_S if self._said_all else timeout_s)

    def _take(self, key: selectors.SelectorKey) -> None:
        if key.fd in self._beside:
            self._take_beside(key.fd)
            return
        if key.data is None:
            self.ended = True
            self._empty_the_pipes()
            return
        part = _read(key.fd)
        if part:
            key.data(part)
        elif part is not None:
            self._selector.unregister(key.fileobj)
            if key.data == self._hear:
                self._has_said_all()
                self.ended = self.ended or self._end is None

    def _take_beside(self, descriptor: int) -> None:
        heard = self._beside[descriptor]()
        if heard is not Heard.MORE_TO_COME:
            self._selector.unregister(descriptor)
        if heard is Heard.STOP:
            self._has_said_all()

    def _empty_the_pipes(self) -> None:
        for key in list(self._selector.get_map().values()):
            if key.data is not None and (part := _read(key.fd)):
                key.data(part)

    def _hear(self, part: bytes) -> None:
        self._received += len(part)
        if self._received > MOST_ANSWER_BYTES:
            self._refuse_flood()
            return
        *lines, self._line = (self._line + part).split(b"\n")
        for line in lines:
            self._hear_line(line)

    def _refuse_flood(self) -> None:
        reason = f"the worker answered more than {MOST_ANSWER_BYTES} bytes; it was killed"
        self.messages = {"failed": {"event": "failed", "status": "error", "reason": reason}}
        self._line, self._said_all, self.ended = b"", True, True

    def _hear_line(self, line: bytes) -> None:
        """Keep a message; a line that is none, or was cut off by a crash, is dropped."""
        try:
            message = json.loads(line)
            event: str = message["event"]
            self.messages[event] = message
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        if event == "phase":
            self.phase = str(message.get("name"))
        if event in _SIGNS_OF_LIFE and not self._said_all:
            self._silent_since = monotonic()
        if event in _FINAL:
            self._has_said_all()
        if self._on_message:
            self._on_message(message)

    def _has_said_all(self) -> None:
        if not self._said_all:
            self._said_all, self._silent_since = True, monotonic()

    def _keep_tail(self, part: bytes) -> None:
        whole = self._printed + part
        self._printed, self._cut = whole[-TAIL_BYTES:], self._cut or len(whole) > TAIL_BYTES


def from_a_beginning(cut: str) -> str:
    """Return a text that was cut somewhere, without its first line, or else its first word."""
    for blank in ("\n", " "):
        if rest := cut.partition(blank)[2].strip():
            return rest
    return "(one long word)"


def _read(descriptor: int) -> bytes | None:
    """Return what there is to read, empty at the end of it all, None if there is nothing yet."""
    with contextlib.suppress(BlockingIOError):
        return os.read(descriptor, _READ_BYTES)
    return None
