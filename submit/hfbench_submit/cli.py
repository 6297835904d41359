"""`hfbench-submit`: run a suite, look at a submission, check it, propose it."""

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import click

from hfbench_schema import __version__
from hfbench_schema.suites import UnknownSuiteError
from hfbench_schema.validation import validate as validate_bytes
from hfbench_submit.commands.doctor import doctor
from hfbench_submit.commands.envs import envs
from hfbench_submit.commands.outbox import outbox
from hfbench_submit.commands.printing import print_findings, print_submission
from hfbench_submit.commands.run import INTERRUPTED, run
from hfbench_submit.commands.slurm import slurm
from hfbench_submit.commands.suites import suites
from hfbench_submit.commands.upload import upload
from hfbench_submit.commands.validate import validate
from hfbench_submit.errors import SubmitError

FAILED = 1
USAGE = 2
_DOCUMENT = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hfbench-submit")
def commands() -> None:
    """Measure transformers on this machine, and propose the result."""


commands.add_command(run)
commands.add_command(slurm)
commands.add_command(suites)
commands.add_command(envs)
commands.add_command(doctor)
commands.add_command(validate)
commands.add_command(upload)
commands.add_command(outbox)


@commands.command()
@click.argument("documents", nargs=-1, required=True, type=_DOCUMENT)
def show(documents: tuple[Path, ...]) -> None:
    """Print submissions as tables."""
    for path in documents:
        report = validate_bytes(path.read_bytes(), name=path.name)
        if not report.accepted:
            print_findings(str(path), report)
            raise SystemExit(FAILED)
        print_submission(path, report)


def _interrupt(signum: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt(signal.Signals(signum).name)


def main() -> None:
    """Run the command line; every expected error becomes one message and an exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        commands.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("\ninterrupted; the same command goes on from here", err=True)
        sys.exit(INTERRUPTED)
    except UnknownSuiteError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(USAGE)
    except BrokenPipeError:  # `| head` has seen enough; Python must not try to flush again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except (SubmitError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(FAILED)
