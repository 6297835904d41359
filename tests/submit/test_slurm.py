"""One `run` on several nodes: submitted to a Slurm made of scripts, by submitit as it is."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep

import pytest

CLIENT = str(Path(sys.executable).with_name("hfbench-submit"))
JOB = 4242
SBATCH = """#!/bin/bash
# Read the script and answer at once, as Slurm does; the job runs later.
script=$(cat "$1")
nodes=$(sed -n 's/^#SBATCH --nodes=//p' "$1")
export SLURM_JOB_ID=4242 SLURM_JOB_NUM_NODES=$nodes SLURM_NTASKS=$nodes
export SLURM_JOB_NODELIST="node[07-$(printf %02d $((6 + nodes)))]"
( bash -c "$script"; echo $? > status ) > job.log 2>&1 < /dev/null &
echo "Submitted batch job $SLURM_JOB_ID"
"""
SRUN = """#!/bin/bash
# Run the command once a task, each with its own log, and end with the worst exit status.
while [[ $1 == --* ]]; do
    case $1 in
        --output) output=$2; shift ;;
        --error) error=$2; shift ;;
    esac
    shift
done
for ((task = 0; task < SLURM_NTASKS; task++)); do
    export SLURM_PROCID=$task SLURM_NODEID=$task SLURM_LOCALID=0
    out=${output//%j/$SLURM_JOB_ID} err=${error//%j/$SLURM_JOB_ID}
    "$@" > "${out//%t/$task}" 2> "${err//%t/$task}" &
    tasks+=($!)
done
worst=0
for task in "${tasks[@]}"; do
    wait "$task" || { status=$?; ((status > worst)) && worst=$status; }
done
exit $worst
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """A folder whose `bin` holds a Slurm that runs jobs here, as many tasks as nodes."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {"sbatch": SBATCH, "srun": SRUN}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    return tmp_path


def slurm(cluster: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = f"{cluster / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [CLIENT, "slurm", *arguments],
        cwd=cluster,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
    )


def log(cluster: Path, task: int, kind: str = "out") -> str:
    return (cluster / "hfbench-slurm" / f"{JOB}_{task}_log.{kind}").read_text()


def wait_for(path: Path) -> str:
    end = monotonic() + 60
    while not path.exists() or not path.read_text():
        assert monotonic() < end, f"{path.name} never came"
        sleep(0.05)
    return path.read_text().strip()


def commands_run(cluster: Path, nodes: int) -> list[str]:
    lines = [line for node in range(nodes) for line in log(cluster, node).splitlines()]
    return [line for line in lines if line.startswith("hfbench-submit ")]


def batch_options(cluster: Path) -> set[str]:
    script = (cluster / "hfbench-slurm" / f"{JOB}_submission.sh").read_text()
    flag = "#SBATCH --"
    return {line.removeprefix(flag) for line in script.splitlines() if line.startswith(flag)}


def test_every_node_runs_the_same_command_and_its_end_is_the_jobs(cluster: Path) -> None:
    done = slurm(
        cluster,
        *("--nodes", "2", "--partition", "long", "--minutes", "30", "--gpus-per-node", "4"),
        *("--", "run", "training", "--output", "my results"),  # which lacks its environment
    )
    assert done.returncode == 0, done.stderr
    assert f"submitted job {JOB}" in done.stdout
    assert str(cluster / "hfbench-slurm" / f"{JOB}_NODE_log.out") in done.stdout
    assert "hfbench-submit show 'my results'/*.json" in done.stdout
    asked = {"nodes=2", "ntasks-per-node=1", "partition=long", "time=30", "gpus-per-node=4"}
    assert asked | {"exclusive", "signal=TERM@90"} <= batch_options(cluster)
    assert wait_for(cluster / "status") == "2"
    added = "--nodes 2 --rdzv node07:24242"
    command = f"hfbench-submit run training --output 'my results' {added}"
    assert commands_run(cluster, 2) == [command, command]
    for node in range(2):
        assert "name an environment to measure" in log(cluster, node, "err")


def test_one_node_runs_the_command_as_it_is(cluster: Path) -> None:
    arguments = ("--nodes", "1", "--cpus-per-task", "6", "--", "run", "training")
    assert slurm(cluster, *arguments).returncode == 0
    asked = batch_options(cluster)
    assert "cpus-per-task=6" in asked
    assert "exclusive" not in asked
    assert wait_for(cluster / "status") == "2"
    assert commands_run(cluster, 1) == ["hfbench-submit run training"]


def refused(cluster: Path, *arguments: str) -> str:
    done = slurm(cluster, *arguments)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert not (cluster / "status").exists()
    return done.stderr


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ((), "there is nothing to run after --"),
        (("envs", "list"), "'envs' is not for Slurm, only `run` is"),
        (("run", "training", "--nodes", "3"), "leave --nodes out of the command"),
        (("run", "training", "--rdzv=node1:1"), "leave --rdzv=node1:1 out of the command"),
        (("run", "training", "--wiht", "torch"), "No such option '--wiht'"),
    ],
)
def test_what_no_job_can_run_is_refused_at_once(
    cluster: Path, command: Sequence[str], message: str
) -> None:
    assert message in refused(cluster, "--nodes", "2", "--", *command)


def test_a_machine_without_slurm_is_named(cluster: Path) -> None:
    (cluster / "bin" / "sbatch").unlink()
    message = "no Slurm here: sbatch is not on PATH; run this on a login node"
    assert message in refused(cluster, "--nodes", "2", "--", "run", "training")


def test_what_slurm_says_against_a_job_is_passed_on(cluster: Path) -> None:
    complaint = "sbatch: error: invalid partition specified: long"
    (cluster / "bin" / "sbatch").write_text(f"#!/bin/bash\necho '{complaint}' >&2\nexit 1\n")
    told = refused(cluster, "--nodes", "2", "--partition", "long", "--", "run", "training")
    assert f"Slurm does not take the job: {complaint}" in told


def test_without_submitit_the_extra_is_named(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cluster / "site").mkdir()
    (cluster / "site" / "submitit.py").write_text("raise ImportError('not installed')")
    monkeypatch.setenv("PYTHONPATH", str(cluster / "site"))
    message = "pip install 'hfbench[cluster]'"
    assert message in refused(cluster, "--nodes", "2", "--", "run", "training")
