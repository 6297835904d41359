"""Where the documents of a store are reduced: the option that commands share."""

from collections.abc import Callable
from typing import Any, Final

import click

from hfbench_aggregate.engine.executors import EXECUTORS

EXECUTOR: Final[Callable[[Callable[..., Any]], Callable[..., Any]]] = click.option(
    "--executor",
    type=click.Choice(list(EXECUTORS)),
    default="serial",
    show_default=True,
    callback=lambda _context, _parameter, name: EXECUTORS[name],
    help="Where documents are reduced that the index of the store has not seen: here, in threads "
    "or processes of this machine, or by Ray, on the cluster at $RAY_ADDRESS or one on this "
    "machine. All give the same bytes.",
)
"""Gives the command an `executor`."""
