"""The machines that train together, as the one sees them that leads.

The leader plans, launches and writes everything down. For a cell that all machines train, it tells
the others which slot comes next; each launches a worker of its own, and torchrun's rendezvous joins
these. What the leader's worker answers is the process run. The leader sleeps meanwhile, and wakes
when a machine says how its worker ended, or is lost.

Messages of the leader: `greeting`, `welcome` or `refused`, then `launch`, `stop` and `end`; of the
others: `hello`, and `ended` after each `launch`.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from hfbench_schema.submission import OUT_OF_MEMORY
from hfbench_submit.errors import SubmitError
from hfbench_submit.launching.lines import Line, LostError, Message
from hfbench_submit.launching.listening import Beside, Heard
from hfbench_submit.launching.meeting import Reception
from hfbench_submit.launching.outcomes import failure_of
from hfbench_submit.launching.spawn import WorkerOutcome
from hfbench_submit.planning.slots import Slot

END_S = 15.0
"""For how long another machine's worker may go on after the leader's, and after it was stopped:
longer than a machine waits until it kills a worker that was to end."""
CAUSE_S = 3.0
"""For how long other machines may say what went wrong once the leader's worker has failed."""
OK, STOPPED = "ok", "stopped"
"""How another machine's worker ended that did its part, or that the leader had stopped."""
_FAILURES = (*OUT_OF_MEMORY, "unsupported", "timeout")
"""What a failure is called whose kind is known; any other is an `error`."""
_CONSEQUENCE = "a rank on another machine"
"""How the reason of a worker begins that noticed no more than that another one is gone."""
_LOOK_S = 0.2

OwnWorker = Callable[[dict[str, Any], Beside], WorkerOutcome]
"""Runs the leader's own worker, told its place among the machines, listening to the others."""


@dataclass
class _Member:
    """Another machine: its name; how its worker ended, if it has; why it was lost, if it was."""

    name: str
    line: Line
    ended: Message | None = None
    lost: str = ""

    @property
    def running(self) -> bool:
        return not self.lost and self.ended is None

    @property
    def failed(self) -> bool:
        return self.ended is not None and self.ended["status"] not in (OK, STOPPED)

    def hear(self) -> Heard:
        """Take in what has arrived, and say whether the leader's worker can go on."""
        try:
            for message in self.line.heard():
                if message["event"] == "ended":
                    self.ended = _with_status(message)
        except LostError as error:
            self.lost = "" if self.ended else str(error)
            return Heard.NO_MORE_TO_COME if self.ended else Heard.STOP
        return Heard.STOP if self.failed else Heard.MORE_TO_COME

    def tell(self, event: str, **fields: Any) -> None:
        """Send a message, if the machine is still there."""
        try:
            self.line.say(event, **fields)
        except LostError as error:
            self.lost = str(error)

    def failure(self) -> tuple[str, str]:
        """Return status and reason of its worker's end."""
        ended = self.ended or {}
        status = ended.get("status")
        reason = f"{self.name}: {ended.get('reason')}"
        return (status if status in _FAILURES else "error"), reason


def _with_status(ended: Message) -> Message:
    if not isinstance(ended.get("status"), str):
        raise LostError("it does not say how its worker ended")
    return ended


class Team:
    """The leader and all other machines of a sitting."""

    def __init__(self, reception: Reception, lines: Mapping[int, Line]) -> None:
        """Take over lines, by the numbers of the machines, of which the leader is the first."""
        self._reception = reception
        self._machines = len(lines) + 1
        self._members = [
            _Member(f"machine {number} of {self._machines}", line)
            for number, line in sorted(lines.items())
        ]

    def launch(
        self, slot: Slot, hash_seed: int, timeout_s: float, own_worker: OwnWorker
    ) -> WorkerOutcome:
        """Have a slot measured on all machines; return how the leader's worker ended.

        Where it failed, or was stopped because of another machine, the outcome says what the cause
        was. No machine goes on measuring after that.

        Raises:
            SubmitError: a machine is gone, so that nothing was launched.
        """
        self._require_all()
        rendezvous = str(self._reception.rendezvous())
        places = [
            {"nodes": self._machines, "node_rank": rank, "rendezvous": rendezvous}
            for rank in range(self._machines)
        ]
        for member, place in zip(self._members, places[1:], strict=True):
            member.ended = None
            member.tell("launch", slot=asdict(slot), place=place, hash_seed=hash_seed)
        outcome = own_worker(places[0], {m.line.fileno(): m.hear for m in self._members})
        self._await_ends(END_S if "measured" in outcome.messages else CAUSE_S)
        return self._with_cause(outcome, timeout_s)

    def end(self) -> None:
        """Tell the others that the sitting is complete."""
        for member in self._members:
            member.tell("end")

    def close(self) -> None:
        """Hang up; to those who were not told that it is complete, the sitting is interrupted."""
        for member in self._members:
            member.line.close()

    def _require_all(self) -> None:
        for member in self._members:
            member.ended = None
            if not member.lost:
                member.hear()
            if member.lost:
                raise SubmitError(
                    f"{member.name} was lost: {member.lost}. What was measured is kept: run the "
                    "same command on every machine to go on"
                )

    def _await_ends(self, seconds: float) -> None:
        """Wait until all workers have ended; stop those that go on, and give up who does not."""
        self._wait(seconds)
        for member in self._members:
            if member.running:
                member.tell("stop")
        self._wait(END_S)
        for member in self._members:
            if member.running:
                member.lost = f"its worker did not end within {END_S:g} s"

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while running := [member for member in self._members if member.running]:
            if time.monotonic() > deadline:
                return
            time.sleep(_LOOK_S)
            for member in running:
                member.hear()

    def _with_cause(self, outcome: WorkerOutcome, timeout_s: float) -> WorkerOutcome:
        """Return an outcome whose failure, if it failed, is that from which all others follow."""
        if "measured" in outcome.messages:
            return outcome
        status, reason = self._cause(outcome, timeout_s)
        failed = {"event": "failed", "status": status, "reason": reason}
        return replace(outcome, messages=outcome.messages | {"failed": failed})

    def _cause(self, outcome: WorkerOutcome, timeout_s: float) -> tuple[str, str]:
        if lost := next((member for member in self._members if member.lost), None):
            return "error", f"{lost.name} was lost: {lost.lost}"
        others = [member.failure() for member in self._members if member.failed]
        known = [cause for cause in others if _CONSEQUENCE not in cause[1]]
        own = failure_of(outcome, timeout_s)
        # One that was stopped because of the others does not say why it ended.
        if known and ("failed" not in outcome.messages or _CONSEQUENCE in own[1]):
            return known[0]
        return own
