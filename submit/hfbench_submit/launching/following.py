"""A machine that follows: it launches a worker whenever the leader says so, and writes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hfbench_submit.errors import SubmitError
from hfbench_submit.launching.joining import facts_of
from hfbench_submit.launching.launcher import Launcher
from hfbench_submit.launching.lines import Line, LostError, Message
from hfbench_submit.launching.listening import Heard
from hfbench_submit.launching.meeting import Invitation, Say
from hfbench_submit.launching.nodes import OK, STOPPED
from hfbench_submit.launching.outcomes import failure_of, printable_reason
from hfbench_submit.launching.scratch import scratch_folder
from hfbench_submit.planning.plans import SittingPlan
from hfbench_submit.planning.slots import Slot


class Follower:
    """Follows one leader through one sitting.

    Every method raises a SubmitError if the leader is lost: an interrupted sitting is taken up
    again on all machines.
    """

    def __init__(self, invitation: Invitation, plan: SittingPlan, say: Say) -> None:
        """Take what this machine would measure; `say` is told what it does."""
        self._line, self._address = invitation.line, invitation.address
        self._plan, self._say = plan, say
        self._stopped = False

    def join(self) -> None:
        """Say what this machine would measure, and wait until the leader takes it.

        Raises:
            SubmitError: it does not, because something differs.
        """
        with self._leader() as leader:
            leader.say("hello", facts=facts_of(self._plan))
        self._say(f"ready; waiting for the machine that leads at {self._address}")
        answer = self._hear()
        if answer["event"] == "refused":
            raise SubmitError(
                f"the machine that leads at {self._address} does not take this one: "
                f"{answer.get('reason')}"
            )
        self._say(f"this is machine {answer.get('number')} of {self._plan.nodes}")

    def follow(self) -> None:
        """Launch what the leader says, until the sitting is complete."""
        launched = 0
        while (message := self._hear())["event"] != "end":
            if message["event"] == "launch":
                launched += 1
                self._launch(message)
        self._say(
            f"the sitting is complete; this machine took part in {launched} of its process runs, "
            "and the submission is on the one that leads"
        )

    def _hear(self) -> Message:
        """Wait for what the leader says, for as long as it is there."""
        with self._leader() as leader:
            message = leader.hear(None)
        return message or {}

    def _launch(self, message: Message) -> None:
        slot = Slot(**message["slot"])
        with scratch_folder() as caches:
            ended = self._run(slot, message["place"], message["hash_seed"], caches)
        label = self._plan.environments[slot.environment].facts["label"]
        self._say(f"{slot.cell}  {label}  {ended.get('reason') or ended['status']}")
        with self._leader() as leader:
            leader.say("ended", **ended)

    def _run(
        self, slot: Slot, place: dict[str, Any], hash_seed: int, caches: Path
    ) -> dict[str, str]:
        """Run this machine's worker, until it ends or the leader stops it; return how it ended."""
        self._stopped = False
        if self._hear_meanwhile() is Heard.STOP:  # before there was a worker
            return {"status": STOPPED}
        beside = {self._line.fileno(): self._hear_meanwhile}
        outcome = Launcher(self._plan, caches).launch_part(slot, place, hash_seed, caches, beside)
        if "measured" in outcome.messages:
            return {"status": OK}
        if self._stopped:
            return {"status": STOPPED}
        status, reason = failure_of(outcome, self._plan.timeout_s)
        return {"status": status, "reason": printable_reason(reason)}

    def _hear_meanwhile(self) -> Heard:
        """Take in what the leader says while a worker runs: there is nothing but an end to it."""
        try:
            said = bool(self._line.heard())
        except LostError:
            said = True
        self._stopped = self._stopped or said
        return Heard.STOP if said else Heard.MORE_TO_COME

    @contextmanager
    def _leader(self) -> Iterator[Line]:
        """Give the line to the leader, and tell what to do if it is lost."""
        try:
            yield self._line
        except LostError as error:
            raise SubmitError(
                f"the machine that leads at {self._address} is gone: {error}. Run the same command "
                "on every machine to go on"
            ) from error
