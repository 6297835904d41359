"""What commands share that read submissions and compare them: sources, failures, output."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hfbench_aggregate.commands.opened import BadInputError

if TYPE_CHECKING:
    from rich.text import Text

    from hfbench_aggregate.comparing.tables import Report
    from hfbench_aggregate.history.tables import History

Command = Callable[..., Any]
SOURCES = click.argument("addresses", metavar="SOURCE...", nargs=-1, required=True)


class Picture(click.ParamType[Path]):
    """A file to be drawn, SVG or PNG by its name."""

    name = "file"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        """Return the path; refuse other kinds of files."""
        path = Path(str(value))
        if path.suffix not in (".svg", ".png"):
            self.fail(f"{value} is neither .svg nor .png", param, ctx)
        return path


def format_option(told: str) -> Callable[[Command], Command]:
    """Return the option for the form of a report; `told` says more of it."""
    kinds = click.Choice(["text", "markdown", "json", "csv"])
    return click.option(
        "--format", "output", type=kinds, default="text", show_default=True, help=told
    )


def plot_option(told: str) -> Callable[[Command], Command]:
    """Return the option for a picture; `told` says of what."""
    return click.option("--plot", type=Picture(), metavar="FILE", help=told)


@contextmanager
def read_sources(addresses: Sequence[str]) -> Iterator[None]:
    """Turn what can go wrong with sources into one message and exit status 2."""
    from hfbench_aggregate.engine.executors import ExecutorError
    from hfbench_aggregate.selection import SelectionError
    from hfbench_aggregate.sources import SourceError
    from hfbench_aggregate.stores.store import StoreError

    try:
        yield
    except (StoreError, SourceError, SelectionError, ExecutorError) as error:
        raise BadInputError(str(error)) from error
    except OSError as error:
        where = error.filename or ", ".join(addresses)
        raise BadInputError(f"{where}: {error.strerror or error}") from error


def print_texts(texts: "Callable[[int], list[Text]]") -> None:
    """Print texts for a width in columns, with an empty line between them."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    for number, text in enumerate(texts(console.width)):
        if number:
            console.print()
        console.print(text, soft_wrap=True)


def print_report(
    output: str, report: "Report | History", csv: Callable[[], str], views: Callable[[], None]
) -> None:
    """Print a report as JSON or CSV; or its notes on stderr, and its views.

    `csv` returns the whole text, `views` prints.
    """
    if output == "json":
        click.echo(json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False))
    elif output == "csv":
        click.echo(csv(), nl=False)
    else:
        for note in report["notes"]:
            click.echo(f"note: {note}", err=True)
        views()


def draw(path: Path, data: "Callable[[str], bytes]") -> None:
    """Write a picture of the kind that its name says; exit status 2 where it cannot be drawn."""
    from hfbench_aggregate.plotting import PlottingError
    from hfbench_schema.files import write_atomically

    try:
        write_atomically(path, data(path.suffix[1:]))
    except PlottingError as error:
        raise BadInputError(str(error)) from error
    except OSError as error:
        raise BadInputError(f"{path}: {error.strerror or error}") from error
    click.echo(f"drawn: {path}", err=True)
