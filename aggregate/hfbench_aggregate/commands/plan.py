"""`hfbench-aggregate plan`: how many process runs a change takes on a machine, and how long."""

import json
from typing import TYPE_CHECKING, Any

import click

from hfbench_aggregate.commands.opened import STORE, BadInputError, opened
from hfbench_schema.power import PPM, parse_change

if TYPE_CHECKING:
    from hfbench_aggregate.plan import Plan
    from hfbench_aggregate.stores.store import Store

_MOST_LISTED = 20


class Change(click.ParamType[float]):
    """A relative change, written as in `3%`."""

    name = "change"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the change as a share; refuse what is none."""
        try:
            return parse_change(str(value)) / PPM
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@STORE
@click.option("--detect", "change", type=Change(), required=True, help="The change, as in 3%.")
@click.option("--machine", default="", metavar="KEY", help="Only the machine of this key.")
@click.option("--suite", default="", metavar="NAME", help="Only one suite, as in smoke or smoke-1.")
@click.option(
    "--cells", "patterns", multiple=True, metavar="GLOB", help="Only cells that match. Repeatable."
)
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="JSON has a plan for each machine and suite.",
)
def plan(
    address: str, change: float, machine: str, suite: str, patterns: tuple[str, ...], output: str
) -> None:
    """Plan how many process runs would show a change of latency, from what a store holds.

    For each cell on each machine: how many of each of two versions, interleaved in one sitting or
    in sittings of their own, find the change in four of five cases; and how long that takes.
    """
    with opened(address) as store:
        plans = _plans(store, change, (machine, suite), patterns)
    if output == "json":
        click.echo(json.dumps(plans, indent=2, ensure_ascii=False))
    else:
        _print(plans)


def _plans(
    store: "Store", change: float, place: tuple[str, str], patterns: tuple[str, ...]
) -> "list[Plan]":
    from hfbench_aggregate.ledger import read_ledger
    from hfbench_aggregate.loading import accepted_submissions
    from hfbench_aggregate.plan import plan_family, selected_families
    from hfbench_aggregate.reduction import families
    from hfbench_aggregate.selection import SelectionError
    from hfbench_aggregate.snapshot import newest

    snapshot = newest(store)
    every = families(accepted_submissions(snapshot, read_ledger(snapshot)))
    try:
        found = selected_families(every, *place)
    except SelectionError as error:
        raise BadInputError(str(error)) from error
    plans = [made for family in found if (made := plan_family(family, change, patterns))]
    if not plans:
        cells = sorted({cell for family in found for _, cell in family.runs})
        more = f"\n  and {len(cells) - _MOST_LISTED} more" if len(cells) > _MOST_LISTED else ""
        there = "\n  ".join(cells[:_MOST_LISTED])
        raise BadInputError(f"no cell matches {' or '.join(patterns)}; there are:\n  {there}{more}")
    return plans


def _print(plans: "list[Plan]") -> None:
    from rich.console import Console

    from hfbench_aggregate.plan_text import plan_text

    console = Console(highlight=False, markup=False, emoji=False)
    for number, made in enumerate(plans):
        if number:
            console.print()
        console.print(plan_text(made, console.width), soft_wrap=True)
