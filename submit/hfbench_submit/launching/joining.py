"""Who may take part in a sitting of several machines: those that would measure the same."""

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

from hfbench_schema import __version__
from hfbench_schema.machine_key import machine_key
from hfbench_submit.errors import SubmitError
from hfbench_submit.launching.lines import Line, LostError, Message
from hfbench_submit.launching.meeting import WAIT_S, Reception, Say
from hfbench_submit.planning.plans import SittingPlan

_LOOK_S = 0.2

Facts = dict[str, Any]


def facts_of(plan: SittingPlan) -> Facts:
    """Return what all machines of a sitting must agree on, as JSON."""
    return {
        "version": __version__,
        "suite": f"{plan.suite.name} {plan.suite.version} ({plan.suite.sha256[:12]})",
        "cells": [cell.id for cell in plan.cells],
        "data": {name: data["sha256"] for name, data in plan.data.items()},
        "tokenizers": {
            f"{name} for {model}": tokenizer["sha256"]
            for name, data in plan.data.items()
            for model, tokenizer in data["tokenizers"].items()
        },
        "environments": [environment.facts for environment in plan.environments],
        "machine": machine_key(plan.machine),
    }


def difference(leader: Facts, other: Facts) -> str | None:
    """Return in which point another machine differs from the leader, None if it does not."""
    for name, what in _POINTS.items():
        if leader.get(name) != other.get(name):
            try:
                return what(leader.get(name), other.get(name))
            except (KeyError, TypeError, AttributeError):  # no hfbench would have said that
                return f"it says nothing of {name} that can be read"
    return None


def _differs(what: str, ours: Any, theirs: Any) -> str:
    return f"{what}: {ours} where it leads, {theirs} there"


def _cells(ours: Any, theirs: Any) -> str:
    counts = f"{len(ours)} where it leads, {len(theirs)} there"
    return f"the cells differ ({counts}): give the same --cells on every machine"


def _of_names(what: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    return f"{what} of {', '.join(names)} differ: use the same copy on every machine"


def _environments(ours: Any, theirs: Any) -> str:
    """Name the first package that differs."""
    for first, second in zip(ours, theirs, strict=False):
        here, there = first["packages"], second["packages"]
        for name in sorted({**here, **there}):
            if here.get(name) != there.get(name):
                what = f"{name} in environment {first['label']}"
                return _differs(what, here.get(name, "none"), there.get(name, "none"))
        if first["python"] != second["python"]:
            return _differs("Python", first["python"], second["python"])
    return "the environments differ: give the same --with and --env on every machine"


_POINTS: dict[str, Callable[[Any, Any], str]] = {
    "version": lambda ours, theirs: _differs("hfbench", ours, theirs),
    "suite": lambda ours, theirs: _differs("the suite", ours, theirs),
    "cells": _cells,
    "data": lambda ours, theirs: _of_names("the examples", ours, theirs),
    "tokenizers": lambda ours, theirs: _of_names("the tokenizers", ours, theirs),
    "environments": _environments,
    "machine": lambda ours, theirs: _differs("the hardware, by its machine key", ours, theirs),
}
"""How each point is told, in the order in which they are looked at."""


def gather(reception: Reception, facts: Facts, say: Say) -> dict[int, Line]:
    """Wait for the other machines; return the lines to them by number, from 2.

    Raises:
        SubmitError: they do not all come in time, or one of them would measure something else.
    """
    gathering, deadline = _Gathering(reception, facts, say), time.monotonic() + WAIT_S
    lacking = reception.machines - 1
    say(
        f"leading at {reception.address}: waiting for {lacking} of {reception.machines} machines, "
        f"for {WAIT_S // 60} minutes at most"
    )
    with gathering:
        while len(gathering.members) < lacking:
            if time.monotonic() > deadline:
                raise gathering.gave_up()
            time.sleep(_LOOK_S)
            gathering.look()
        return gathering.members


class _Gathering:
    """Who has come: `members` say that they are ready, and the same; guests have said nothing."""

    def __init__(self, reception: Reception, facts: Facts, say: Say) -> None:
        self.members: dict[int, Line] = {}
        self._guests: list[Line] = []
        self._reception, self._facts, self._say = reception, facts, say

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Hang up on those who never said anything, and, if it all failed, on the members."""
        for line in (*self._guests, *(self.members.values() if kind else ())):
            line.close()

    def look(self) -> None:
        """Take in who has come, what they say, and who has gone again."""
        self._guests += self._reception.newly_arrived()
        for line in list(self._guests):
            try:
                message = line.hear(0.0)
            except LostError:  # gone again, or no hfbench
                message = {}
            if message is not None:
                self._guests.remove(line)
                self._receive(line, message)
        for number, line in list(self.members.items()):
            with contextlib.suppress(LostError):
                line.hear(0.0)
                continue
            self.members.pop(number).close()
            self._say(f"{self._name(number)} has left again")

    def gave_up(self) -> SubmitError:
        """Return what to say when the time is up."""
        came = f"{len(self.members) + 1} of {self._reception.machines} machines"
        unready = ", ".join(guest.host for guest in self._guests)
        still = f"; {unready} connected, and is not ready yet" if unready else ""
        return SubmitError(
            f"only {came} came to {self._reception.address} within {WAIT_S // 60} minutes{still}: "
            "run the same command on every machine, and let them reach that address"
        )

    def _receive(self, line: Line, message: Message) -> None:
        facts = message.get("facts")
        if message.get("event") != "hello" or not isinstance(facts, dict):
            line.close()
            return
        if differs := difference(self._facts, facts):
            with contextlib.suppress(LostError):
                line.say("refused", reason=differs)
            line.close()
            raise SubmitError(f"the machine at {line.host} would not measure the same: {differs}")
        number = next(n for n in range(2, len(self.members) + 3) if n not in self.members)
        with contextlib.suppress(LostError):  # gone meanwhile
            line.say("welcome", number=number)
            self.members[number] = line
            self._say(f"{self._name(number)} is {line.host}")

    def _name(self, number: int) -> str:
        return f"machine {number} of {self._reception.machines}"
