"""`hfbench-submit slurm`: one `run` on the nodes of a Slurm cluster, submitted through submitit."""

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hfbench_submit.commands.run import run
from hfbench_submit.errors import SubmitError

if TYPE_CHECKING:
    from submitit import Job

LOGS = Path("hfbench-slurm")
"""Where submitit keeps what nodes print, the batch script and the pickled command."""
_MINUTES = 60
_SECONDS_TO_STOP = 90
_FIRST_PORT, _PORTS = 20_000, 12_000
"""Below the ports that kernels hand out to outgoing connections, from 32768 on."""
_OF_RENDEZVOUS = ("--nodes", "--rdzv")
_EXAMPLE = "hfbench-submit slurm --nodes 2 -- run training --with transformers==5.23.0"


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--nodes", required=True, type=click.IntRange(1), help="How many machines to run on.")
@click.option("--partition", help="Where to queue; the cluster's default without it.")
@click.option(
    "--minutes",
    type=click.IntRange(1),
    default=_MINUTES,
    show_default=True,
    help="The job's time limit. A run stops in order shortly before it, and the same command goes "
    "on from there.",
)
@click.option("--gpus-per-node", type=click.IntRange(1), help="None without it.")
@click.option(
    "--cpus-per-task",
    type=click.IntRange(1),
    help="CPUs on each node. Without it nodes are taken whole (exclusive), so that nobody "
    "disturbs the measurement.",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- run ARGUMENTS...")
def slurm(command: tuple[str, ...], nodes: int, **asked: Any) -> None:
    """Submit `run` with its ARGUMENTS to Slurm as one job with a task on each node.

    Every task runs the same command with --nodes and --rdzv added, the job's first node leading;
    a job on one node runs the command as it is. Which user pays, and all else that sbatch takes,
    goes into sbatch's own variables, such as SBATCH_ACCOUNT and SBATCH_QOS.

    This folder and the result folder must be on a file system that all nodes share, and so must
    the Python that runs this. What nodes print goes to hfbench-slurm/JOB_NODE_log.out and .err in
    this folder. Where nodes have no internet, build the environments first: `envs create`.
    """
    output = _checked_output(command)
    job = _submitted(command, nodes, **asked)
    logs = LOGS.absolute() / f"{job.job_id}_NODE_log.out"
    click.echo(f"submitted job {job.job_id}; `squeue --job {job.job_id}` tells its state")
    click.echo(f"logs: {logs} and .err, NODE from 0 to {nodes - 1}")
    click.echo(f"result, once it has ended: hfbench-submit show {shlex.quote(str(output))}/*.json")


def _checked_output(command: Sequence[str]) -> Path:
    """Return the result folder of a command that a job can run; refuse others before they queue."""
    if not command:
        raise click.UsageError(f"there is nothing to run after --, as in: {_EXAMPLE}")
    if command[0] != run.name:
        raise click.UsageError(f"{command[0]!r} is not for Slurm, only `run` is: {_EXAMPLE}")
    for argument in command:
        if argument.partition("=")[0] in _OF_RENDEZVOUS:
            raise click.UsageError(f"leave {argument} out of the command: the job adds it")
    context = run.make_context("hfbench-submit run", list(command[1:]))
    output: Path = context.params["output"]
    return output


def _submitted(
    command: Sequence[str],
    nodes: int,
    partition: str | None,
    minutes: int,
    gpus_per_node: int | None,
    cpus_per_task: int | None,
) -> "Job[None]":
    """Submit the job.

    Raises:
        SubmitError: there is no Slurm or no submitit here, or Slurm refuses the job.
    """
    for program in ("sbatch", "srun"):
        if shutil.which(program) is None:
            raise SubmitError(f"no Slurm here: {program} is not on PATH; run this on a login node")
    try:
        from submitit import AutoExecutor
    except ImportError as error:
        raise SubmitError(
            "submitting to Slurm needs submitit: pip install 'hfbench[cluster]'"
        ) from error
    executor = AutoExecutor(LOGS, cluster="slurm")
    executor.update_parameters(
        name="hfbench",
        nodes=nodes,
        tasks_per_node=1,
        timeout_min=minutes,
        gpus_per_node=gpus_per_node,
        cpus_per_task=cpus_per_task,
        slurm_partition=partition,
        slurm_exclusive=None if cpus_per_task else True,
        # The workers choose among all CPUs that the job has on the node.
        slurm_srun_args=["--cpu-bind=none"],
        # Before the time limit the client gets what interrupts it, not submitit's own signal.
        slurm_additional_parameters={"signal": f"TERM@{_SECONDS_TO_STOP}"},
    )
    try:
        return executor.submit(run_on_this_node, list(command), nodes)
    except RuntimeError as error:  # of which kind are all of submitit's
        raise SubmitError(f"Slurm does not take the job: {error}") from error


def run_on_this_node(arguments: list[str], nodes: int) -> None:
    """Be the client on one node of a job: what submitit calls in every task.

    Args:
        arguments: what follows `hfbench-submit`.
        nodes: how many there are; several meet at a port of the first, of the job's own choice.

    Raises:
        SystemExit: the client failed; its exit status becomes the task's.
    """
    from submitit import JobEnvironment

    from hfbench_submit.cli import main  # which imports this module

    if nodes > 1:
        job = JobEnvironment()
        port = _FIRST_PORT + int(job.raw_job_id) % _PORTS
        arguments = [*arguments, "--nodes", str(nodes), "--rdzv", f"{job.hostnames[0]}:{port}"]
    sys.argv = ["hfbench-submit", *arguments]
    click.echo(shlex.join(sys.argv))
    main()
