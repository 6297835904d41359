"""What all commands share: the store they are about, and how they fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from hfbench_aggregate.stores.store import Store

FINDINGS: Final = 1
BAD_INPUT: Final = 2
STORE = click.argument("address", metavar="STORE")


class BadInputError(click.ClickException):
    """The command or the store cannot be used as it is."""

    exit_code = BAD_INPUT


@contextmanager
def opened(address: str) -> "Iterator[Store]":
    """Open a store; turn what can go wrong with it into one message and exit status 2."""
    from hfbench_aggregate.engine.executors import ExecutorError
    from hfbench_aggregate.stores.opening import open_store
    from hfbench_aggregate.stores.store import StoreError

    try:
        yield open_store(address)
    except (StoreError, ExecutorError) as error:
        raise BadInputError(str(error)) from error
    except OSError as error:
        raise BadInputError(
            f"{error.filename or address}: {error.strerror or error}. Nothing that was decided is "
            f"lost: mend that (free space, permissions), then run the same command again"
        ) from error
