"""What a person sees of a long update: how far it is, and what was wrong with the index."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click

LEAST_SHOWN: Final = 200
"""Fewer submissions are taken in within a second or two: nothing is shown of them."""


def say(text: str) -> None:
    """Tell something that a person should know, on the standard error."""
    click.echo(f"note: {text}", err=True)


@contextmanager
def counting(total: int) -> Iterator[Callable[[int], None]]:
    """Show how many of `total` submissions are done, and how long the rest takes.

    Yields what to call with how many more are. On a terminal only, and only if there are many.
    """
    if total < LEAST_SHOWN or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        "submissions read,",
        TimeRemainingColumn(),
        "left",
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=total)
        yield lambda more: shown.advance(task, more)
