"""Faults: what goes wrong with a request, and a schedule of when.

A fault first waits, then lets the request take effect or not, then answers, cuts the answer short,
or resets the connection.
"""

import random
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        name: what the log calls it.
        processed: whether the request takes effect.
        status: the status answered instead of the true one.
        headers: go with `status`.
        seconds: waited before anything else.
        ending: the connection is reset in place of an answer, or closed in the middle of it.
    """

    name: str
    processed: bool = True
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    ending: Literal["reset", "cut"] | None = None


def reset() -> Fault:
    """The connection is reset, and the request has no effect."""
    return Fault("reset", processed=False, ending="reset")


def lost_answer() -> Fault:
    """The request takes effect; then the connection is reset without an answer."""
    return Fault("lost answer", ending="reset")


def truncated() -> Fault:
    """The request takes effect; the connection closes after half of the answer's body."""
    return Fault("truncated", ending="cut")


def delayed(seconds: float) -> Fault:
    """The request is handled so much later."""
    return Fault("delayed", seconds=seconds)


def status(code: int, *, processed: bool = False, retry_after: int | None = None) -> Fault:
    """The Hub answers `code`, with `Retry-After` seconds; if `processed`, after taking effect."""
    headers = () if retry_after is None else (("Retry-After", str(retry_after)),)
    return Fault(f"status {code}", processed, status=code, headers=headers)


def rate_limited(seconds: int = 0) -> Fault:
    """The Hub answers 429, nothing left for so many seconds; the client waits one second more."""
    headers = (
        ("RateLimit", f'"api";r=0;t={seconds}'),
        ("RateLimit-Policy", '"fixed window";"api";q=1000;w=300'),
        ("Retry-After", str(seconds)),
    )
    return Fault("rate limited", processed=False, status=429, headers=headers)


@dataclass
class _Rule:
    """What happens to the requests whose method and path match, by their count from 1."""

    method: re.Pattern[str]
    path: re.Pattern[str]
    choose: Callable[[int], Fault | None]
    seen: int = 0

    def draw(self, method: str, path: str) -> Fault | None:
        if not (self.method.fullmatch(method) and self.path.search(path)):
            return None
        self.seen += 1
        return self.choose(self.seen)


class Faults:
    """A schedule; where several rules strike one request, the first one added does."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()

    def nth(self, count: int, method: str, path: str, fault: Fault) -> None:
        """Let the `count`-th request from now, the first being 1, suffer `fault`.

        `method` is a regular expression of the whole method; `path` is searched in the raw path.
        """
        self._add(method, path, lambda seen: fault if seen == count else None)

    def randomly(
        self, chances: Mapping[Fault, float], *, seed: int, method: str = ".*", path: str = ""
    ) -> None:
        """Let each request suffer one of the faults with its probability, or none.

        The faults are the same for the same seed and the same order of requests.
        """
        assert sum(chances.values()) <= 1, "the probabilities of faults add up to more than 1"
        dice = random.Random(seed)
        names = [*chances, None]
        weights = [*chances.values(), 1 - sum(chances.values())]
        self._add(method, path, lambda _: dice.choices(names, weights)[0])

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._rules.clear()

    def draw(self, method: str, path: str) -> Fault | None:
        """Return what goes wrong with a request that just came in."""
        with self._lock:
            drawn = [rule.draw(method, path) for rule in self._rules]
        return next((fault for fault in drawn if fault), None)

    def _add(self, method: str, path: str, choose: Callable[[int], Fault | None]) -> None:
        with self._lock:
            self._rules.append(_Rule(re.compile(method), re.compile(path), choose))
