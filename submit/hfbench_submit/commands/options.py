"""What `hfbench-submit run` can be asked: its options, and what of it makes no sense together."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from hfbench_schema.cells import Cell
from hfbench_schema.power import parse_change
from hfbench_schema.submission import (
    FORK_SERVER,
    INFERENCE_ROLES,
    ROLES,
    SPAWN,
    TRAINING_ROLES,
)
from hfbench_schema.suites import Suite
from hfbench_submit.commands.upload import required_store, store_option
from hfbench_submit.environments.environments import DEFAULT_BASE
from hfbench_submit.launching.meeting import Address
from hfbench_submit.planning.seen import MOST_BLOCKS
from hfbench_submit.uploading.destinations import Destination

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_MOST_NODES = 1024
_LAST_PORT = 65_535


class Duration(click.ParamType[int]):
    """A length of time in seconds, written as in `20m`, `1h30m` or `90s`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the seconds; refuse what is no length of time."""
        found = _DURATION.fullmatch(str(value))
        hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0,) * 3
        total = 3600 * hours + 60 * minutes + seconds
        if not total:
            self.fail(f"{value!r} is no length of time; write 20m, 1h30m or 90s", param, ctx)
        return total


class Change(click.ParamType[int]):
    """A relative change in parts per million, written as in `3%`."""

    name = "change"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the change; refuse what is none."""
        try:
            return value if isinstance(value, int) else parse_change(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Rendezvous(click.ParamType[Address]):
    """A host and a port, written as in `node1:29500` or `[fe80::1]:29500`."""

    name = "address"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        """Return the address; refuse what is none."""
        host, _, port = str(value).rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isdecimal() or not 0 < int(port) <= _LAST_PORT:
            self.fail(f"{value!r} is no HOST:PORT; write it as in node1:29500", param, ctx)
        return Address(host, int(port))


class Copy(click.ParamType[tuple[str, Path]]):
    """A task and the folder with a local copy of it, written as in `sst2=PATH`."""

    name = "copy"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Path]:
        """Return both; refuse a path that does not exist."""
        task, _, path = str(value).partition("=")
        if not task or not path:
            self.fail(f"{value!r} is no copy of a task; write TASK=PATH", param, ctx)
        if not Path(path).exists():
            self.fail(f"there is nothing at {path}", param, ctx)
        return task, Path(path)


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    suite: str
    layers: tuple[str, ...]
    named: tuple[str, ...]
    base: str
    cells: tuple[str, ...]
    roles: tuple[str, ...]
    copies: tuple[tuple[str, Path], ...]
    process_runs: int | None
    budget_s: int | None
    detect_ppm: int | None
    launch: str
    nodes: int | None
    rendezvous: Address | None


_OPTIONS = (
    click.argument("suite"),
    click.option(
        "--with",
        "layers",
        multiple=True,
        metavar="REQUIREMENTS",
        help="An environment to measure: pip requirements, local paths or git commits, as in "
        "transformers==5.23.0, ./transformers or git+https://host/repository@commit. Naming torch "
        "or tensorflow chooses its base. Repeat it to compare; the same one twice measures this "
        "machine's own noise (A/A).",
    ),
    click.option(
        "--env", "named", multiple=True, metavar="NAME", help="An environment from `envs create`."
    ),
    click.option(
        "--base",
        default=DEFAULT_BASE,
        show_default=True,
        metavar="REQUIREMENTS",
        help="The framework of environments that name none, installed once.",
    ),
    click.option(
        "--cells",
        multiple=True,
        metavar="GLOB",
        help="Only cells whose id matches, as in 'inference/bert-*/torch-*/cpu/fp32/b1-*' or "
        "'training/*/torch-*/cpu/*-w1/sst2'. Without it, those that this machine has devices for. "
        "Repeatable.",
    ),
    click.option(
        "--role",
        "roles",
        multiple=True,
        type=click.Choice(ROLES),
        help="What to measure, each in process runs of its own: "
        f"{', '.join(INFERENCE_ROLES)}; in a suite of training: {', '.join(TRAINING_ROLES)}. The "
        "first of them without it. Repeatable.",
    ),
    click.option(
        "--data",
        "copies",
        multiple=True,
        type=Copy(),
        metavar="TASK=PATH",
        help="A local copy of a training task's examples, as in sst2=PATH, instead of the Hub's. "
        "Repeatable.",
    ),
    click.option(
        "--process-runs",
        type=click.IntRange(1, 1000),
        help="Instead of the suite's number. In training, the number of seeds: 4 by default, 5 "
        "advised.",
    ),
    click.option(
        "--budget",
        "budget_s",
        type=Duration(),
        help="Choose the process runs that buy most in this time, as in 20m; not in training.",
    ),
    click.option(
        "--detect",
        "detect_ppm",
        type=Change(),
        metavar="CHANGE",
        help="Measure until each cell would show such a change of latency, as in 3%, with 80 % "
        f"power, up to {MOST_BLOCKS} process runs; with --budget, until whichever comes first. Not "
        "in training.",
    ),
    click.option(
        "--launch",
        type=click.Choice([SPAWN, FORK_SERVER]),
        default=SPAWN,
        show_default=True,
        help="A fresh interpreter for every process run, or a fork of one that has imported the "
        "framework: quicker on a CPU, and never compared with the other.",
    ),
    click.option(
        "--nodes",
        type=click.IntRange(2, _MOST_NODES),
        help="How many machines train together: run the same command on each.",
    ),
    click.option(
        "--rdzv",
        "rendezvous",
        type=Rendezvous(),
        metavar="HOST:PORT",
        help="Where they meet: an address of one of them, which leads and writes the submission.",
    ),
    click.option(
        "--output",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("hfbench-results"),
        show_default=True,
        help="Where the journal and the submission go.",
    ),
    click.option(
        "--upload",
        "uploads",
        is_flag=True,
        help="Propose the submission to --store, and check that this is possible before measuring.",
    ),
    store_option,
    click.option(
        "--json", "as_json", is_flag=True, help="Write events as JSON lines, for programs."
    ),
)


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command its argument and options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def destination_of(uploads: bool, store: Destination | None) -> Destination | None:
    """Return where the submission is to be proposed, None if it is not.

    Raises:
        click.UsageError: there is a store and nothing to do with it, or the reverse.
    """
    if uploads:
        return required_store(store)
    if store is not None:
        raise click.UsageError("--store is where to --upload: give both, or neither")
    return None


def check_request(request: Request, suite: Suite) -> None:
    """Refuse what makes no sense together.

    Raises:
        click.UsageError: it does not; the message says what does.
    """
    if not request.layers and not request.named:
        raise click.UsageError(
            "name an environment to measure: --with transformers==5.23.0, or --env NAME"
        )
    if request.budget_s and request.process_runs:
        raise click.UsageError("--budget chooses the process runs: leave --process-runs out")
    if request.detect_ppm and request.process_runs:
        raise click.UsageError("--detect chooses the process runs: leave --process-runs out")
    if (request.nodes is None) != (request.rendezvous is None):
        raise click.UsageError("several machines need both --nodes N and --rdzv HOST:PORT")
    if suite.tasks:
        _check_training(request, suite)
    else:
        _check_inference(request, suite)


def _check_training(request: Request, suite: Suite) -> None:
    if request.budget_s:
        raise click.UsageError(
            "--budget cannot cut a training short, whose seeds are paired: choose with --cells and "
            f"--process-runs, and see hfbench-submit suites show {suite.name} for what they take"
        )
    if request.detect_ppm:
        raise click.UsageError(
            "--detect is about latency, and seeds of a training are paired: leave it out, and "
            "choose their number with --process-runs"
        )
    if request.launch == FORK_SERVER:
        raise click.UsageError("--launch fork_server does not train: leave it out")
    tasks = [task for task, _ in request.copies]
    if twice := sorted({task for task in tasks if tasks.count(task) > 1}):
        raise click.UsageError(f"--data has several copies of {', '.join(twice)}: give one")
    if unknown := sorted(set(tasks) - suite.tasks.keys()):
        known = ", ".join(suite.tasks)
        raise click.UsageError(f"--data: suite {suite.name} has no task {unknown[0]}, but {known}")


def _check_inference(request: Request, suite: Suite) -> None:
    if request.copies:
        raise click.UsageError(
            f"--data: suite {suite.name} trains nothing, so it needs no examples"
        )
    if request.nodes:
        raise click.UsageError(
            f"--nodes: suite {suite.name} trains nothing; only a training takes several machines"
        )
    if request.launch == FORK_SERVER and "cold" in request.roles:
        raise click.UsageError("--launch fork_server imports beforehand: it has no role cold")
    if request.detect_ppm:
        _check_detection(request)


def _check_detection(request: Request) -> None:
    if len(request.layers) + len(request.named) < 2:
        raise click.UsageError(
            "--detect is about a change between environments: name a second one, as in "
            "--with transformers==4.57.6 --with transformers==5.23.0"
        )
    if request.roles and "latency" not in request.roles:
        raise click.UsageError("--detect is about latency: add --role latency, or leave it out")


def roles_of(request: Request, suite: Suite) -> tuple[str, ...]:
    """Return the roles asked for, in their usual order; the suite's usual one if none is.

    Raises:
        click.UsageError: one does not belong to the suite; the message says which do.
    """
    known = TRAINING_ROLES if suite.tasks else INFERENCE_ROLES
    if wrong := [role for role in request.roles if role not in known]:
        raise click.UsageError(
            f"--role {wrong[0]}: the process runs of suite {suite.name} are for {', '.join(known)}"
        )
    return tuple(role for role in known if role in request.roles) or known[:1]


def check_copies(request: Request, cells: Sequence[Cell]) -> None:
    """Refuse a copy that no cell would be trained on.

    Raises:
        click.UsageError: there is one; the message says which tasks are trained.
    """
    trained = {cell.task for cell in cells}
    if unused := sorted({task for task, _ in request.copies} - trained):
        raise click.UsageError(
            f"--data: no selected cell trains {unused[0]}, only {', '.join(sorted(trained))}"
        )
