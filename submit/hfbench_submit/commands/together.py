"""What `hfbench-submit run` does beside measuring where several machines train together."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import click

from hfbench_schema.cells import Cell
from hfbench_submit.commands.options import Request
from hfbench_submit.launching.following import Follower
from hfbench_submit.launching.joining import facts_of, gather
from hfbench_submit.launching.meeting import Invitation, Reception, Say, lead_or_follow
from hfbench_submit.launching.nodes import Team
from hfbench_submit.planning.devices import machines_of
from hfbench_submit.planning.plans import SittingPlan
from hfbench_submit.sitting.only_measurement import only_measurement_on_this_machine

Meeting = Reception | Invitation | None
"""How this machine takes part: it leads, it follows, or it is alone."""


@contextmanager
def meeting_for(request: Request, say: Say) -> Iterator[Meeting]:
    """Lead or follow, as the address decides, where there are several machines.

    Raises:
        SubmitError: the machines do not find each other.
    """
    if request.nodes is None or request.rendezvous is None:
        yield None
        return
    meeting = lead_or_follow(request.rendezvous, request.nodes, say)
    try:
        yield meeting
    finally:
        if isinstance(meeting, Reception):
            meeting.close()
        else:
            meeting.line.close()


@contextmanager
def only_measurement(meeting: Meeting, what: str, say: Say) -> Iterator[None]:
    """Refuse to measure beside another measurement, but for that of the leader itself.

    Raises:
        SubmitError: another one is running.
    """
    if isinstance(meeting, Invitation) and meeting.same_machine:
        say("the leader runs on this machine too: that tests the set-up, and is no second machine")
        yield
        return
    with only_measurement_on_this_machine(what):
        yield


def require_shared_cells(cells: Sequence[Cell], nodes: int) -> None:
    """Refuse several machines of which all but one would have nothing to do.

    Raises:
        click.UsageError: no cell takes them; the message says which would.
    """
    if nodes > 1 and not any(machines_of(cell, nodes) > 1 for cell in cells):
        raise click.UsageError(
            f"--nodes {nodes}: no selected cell can be shared by so many machines: select cells of "
            f"torch whose world size is a multiple of it, as in --cells '*/torch-*-w{nodes}/*'"
        )


@contextmanager
def team_of(meeting: Meeting, plan: SittingPlan, say: Say) -> Iterator[Team | None]:
    """Wait for the other machines, where there are any, and lead them through the block.

    Raises:
        SubmitError: they do not come, or would measure something else.
    """
    if not isinstance(meeting, Reception):
        yield None
        return
    lines = gather(meeting, facts_of(plan), say)
    meeting.close()
    with closing(Team(meeting, lines)) as team:
        yield team
        team.end()


def follow_to_the_end(invitation: Invitation, plan: SittingPlan, say: Say) -> None:
    """Measure what the leader says, until its sitting is complete.

    Raises:
        SubmitError: the leader does not take this machine, or is lost.
    """
    follower = Follower(invitation, plan, say)
    follower.join()
    follower.follow()
