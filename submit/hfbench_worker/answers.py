"""What a worker tells its parent: JSON lines, each written and flushed as it happens."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns
from typing import Any, TextIO


class Answers:
    """The stream of answers of one plan.

    `phases_ns` holds how long each finished `phase` took.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.phases_ns: dict[str, int] = {}

    def emit(self, event: str, **fields: Any) -> None:
        """Write one answer.

        Raises:
            OSError: nobody reads any more.
        """
        self._stream.write(json.dumps({"event": event, **fields}) + "\n")
        self._stream.flush()

    def begin(self, phase: str) -> None:
        """Say that a phase begins: the parent restarts its timeout."""
        self.emit("phase", name=phase)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Say that a phase begins, and keep how long the block takes."""
        self.begin(name)
        start = perf_counter_ns()
        yield
        self.phases_ns[name] = perf_counter_ns() - start
