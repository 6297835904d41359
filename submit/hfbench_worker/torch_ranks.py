"""Ranks of torch: one process for each device, started by torchrun's launcher.

The worker becomes the launcher's agent on its machine. Its ranks meet by torchrun's rendezvous;
what the first one of them answers, the agent passes on to the parent.
"""

import contextlib
import json
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import hfbench_worker
from hfbench_worker.answers import Answers
from hfbench_worker.failures import MeasurementError, unsupported
from hfbench_worker.lifeline import die_with_parent
from hfbench_worker.network import interface_between_machines
from hfbench_worker.opening import train_here
from hfbench_worker.process import die_with, leave, settle
from hfbench_worker.rank_failures import first_cause, note_failure, progress_file, read_failures

RENDEZVOUS_S = 300
"""For how long the agents of several machines wait for each other."""
_WATCH_S = 0.5
"""How often the agent looks whether a rank has died: each look takes CPU time from the ranks."""
_BOOTSTRAP = """
import importlib.util, pathlib, runpy, sys
init = pathlib.Path(sys.argv.pop(1))
spec = importlib.util.spec_from_file_location(
    "hfbench_worker", init, submodule_search_locations=[str(init.parent)])
sys.modules["hfbench_worker"] = importlib.util.module_from_spec(spec)
runpy.run_module("hfbench_worker.torch_ranks", run_name="__main__", alter_sys=True)
"""
"""Makes the worker importable for a rank, and nothing else."""


def train(plan: dict[str, Any], answers: Answers) -> None:
    """Train in this machine's ranks, and pass on what they answer.

    Raises:
        ImportError: the environment lacks torch, or its launcher.
        MeasurementError: there are too few devices, the machines did not meet, or a rank failed.
    """
    answers.begin("launch")
    ranks = _ranks_here(plan)
    _check_devices(plan, ranks)
    cpus = _shares(plan.get("cpus"), ranks)
    threads = len(cpus[0]) if cpus else max(1, int(os.environ.get("OMP_NUM_THREADS", "1")) // ranks)
    # The ranks inherit them, before they import torch.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    with tempfile.TemporaryDirectory(prefix="hfbench-ranks-") as name:
        folder = Path(name)
        told = plan | {"agent": os.getpid(), "shares": cpus}
        (folder / "plan.json").write_text(json.dumps(told), encoding="utf-8")
        with _Passing(folder / "answers", answers) as passing:
            failure = _launch(plan, ranks, folder)
    if failure and not passing.measured:
        raise failure


def _ranks_here(plan: dict[str, Any]) -> int:
    """Return how many of the ranks this machine has."""
    ranks, machines = plan["cell"]["world_size"], plan.get("nodes", 1)
    if ranks % machines:
        raise unsupported(f"{ranks} ranks cannot be shared evenly by {machines} machines")
    return int(ranks // machines)


def _check_devices(plan: dict[str, Any], ranks: int) -> None:
    """Make sure that every rank gets a device of its own; on the CPU that is a core."""
    if plan["cell"]["device"] != "cuda":
        cores = len(plan.get("cpus") or ()) or int(os.environ.get("OMP_NUM_THREADS", "1"))
        if ranks > cores:
            raise unsupported(f"{ranks} ranks need {ranks} CPU cores, and there are {cores} here")
        return
    import torch

    found = torch.cuda.device_count()
    if ranks > found:
        what = "CUDA device" if ranks == 1 else "CUDA devices"
        raise unsupported(f"{ranks} ranks need {ranks} {what}, and torch finds {found} here")


def _shares(cpus: list[int] | None, ranks: int) -> list[list[int]]:
    """Return each rank's part of the CPUs, all of the same size; if there are too few, one."""
    if not cpus:
        return []
    if len(cpus) < ranks:
        return [[cpus[i % len(cpus)]] for i in range(ranks)]
    part = len(cpus) // ranks
    return [cpus[i * part : (i + 1) * part] for i in range(ranks)]


def _launch(plan: dict[str, Any], ranks: int, folder: Path) -> MeasurementError | None:
    """Run the ranks to their end; return why they failed, None if they did not.

    Raises:
        MeasurementError: the machines did not meet.
    """
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable(logging.CRITICAL)  # what the launcher would say, the answer says
    arguments = ("-P", "-s", "-c", _BOOTSTRAP, hfbench_worker.__file__, str(folder))
    machines, kills = plan.get("nodes", 1), _out_of_memory_kills()
    config = LaunchConfig(machines, machines, ranks, **_launch_options(plan, folder))
    try:
        elastic_launch(config, sys.executable)(*arguments)
    except ChildFailedError as error:
        codes = {rank: failure.exitcode for rank, failure in error.failures.items()}
        out_of_memory = _out_of_memory_kills() > kills
        return first_cause(read_failures(folder, codes), machines, out_of_memory)
    except (RuntimeError, OSError) as error:
        if machines == 1:
            raise
        why = str(error).partition("\n")[0]
        reason = f"the machines did not meet at {plan['rendezvous']}: {why}"
        raise MeasurementError("error", reason) from error
    return None


def _launch_options(plan: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return how to meet: on one machine at a free port, on several where the plan says.

    There the rendezvous is torchrun's static one: it numbers machines as the plan does.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs

    host = plan["rendezvous"].rpartition(":")[0] if plan.get("nodes", 1) > 1 else "127.0.0.1"
    # Gloo itself would take what this machine's name stands for.
    if interface := interface_between_machines(host):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
    options = {
        "run_id": "hfbench",
        "max_restarts": 0,
        "monitor_interval": _WATCH_S,
        "logs_specs": DefaultLogsSpecs(log_dir=str(folder)),
        "local_addr": host,
    }
    if plan.get("nodes", 1) == 1:
        return options | {
            "rdzv_backend": "c10d",
            "rdzv_endpoint": "localhost:0",
            "rdzv_configs": {"timeout": RENDEZVOUS_S, "join_timeout": RENDEZVOUS_S},
        }
    return options | {
        "rdzv_backend": "static",
        "rdzv_endpoint": plan["rendezvous"],
        "rdzv_configs": {"timeout": RENDEZVOUS_S, "rank": plan["node_rank"]},
    }


class _Passing:
    """Passes on what the first rank writes into a named pipe; `measured` tells that it is done."""

    def __init__(self, pipe: Path, answers: Answers) -> None:
        os.mkfifo(pipe, 0o600)
        self._read_end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # waits for no writer
        os.set_blocking(self._read_end, True)
        self._write_end = os.open(pipe, os.O_WRONLY)  # until here the pipe does not end
        self._answers, self.measured = answers, False
        self._thread = threading.Thread(target=self._pass_on, daemon=True)

    def __enter__(self) -> "_Passing":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._write_end)
        self._thread.join()

    def _pass_on(self) -> None:
        lines = os.fdopen(self._read_end, encoding="utf-8")
        # A line that a crash cut off is no JSON; nobody may be left to answer to.
        with lines, contextlib.suppress(OSError, ValueError):
            for line in lines:
                message = json.loads(line)
                self.measured = self.measured or message["event"] == "measured"
                self._answers.emit(message.pop("event"), **message)


def _out_of_memory_kills() -> int:
    """Return the kernel's count of out-of-memory kills, 0 where it does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        counts = Path("/proc/vmstat").read_text(encoding="ascii")
        return int(counts.split("oom_kill ")[1].split()[0])
    return 0


def be_rank(folder: Path) -> NoReturn:
    """Be the rank that the launcher's variables say, with the plan that the agent wrote."""
    plan: dict[str, Any] = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    die_with(plan["agent"])
    die_with_parent()  # stdin is the agent's
    rank, local = int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"])
    plan["progress"] = str(progress_file(folder, rank))
    plan["cpus"] = plan["shares"][local] if plan["shares"] else None
    try:
        settle(plan["cpus"])
        with _answers(folder, local) as answers:
            train_here(plan, answers)
    except (Exception, SystemExit) as error:  # every failure is data: the agent reads it
        note_failure(folder, rank, error)
        leave(1)
    leave()


@contextlib.contextmanager
def _answers(folder: Path, local_rank: int) -> Iterator[Answers]:
    """Give answers that the agent passes on, or, of all ranks but the first here, nobody hears."""
    pipe = folder / "answers" if local_rank == 0 else Path(os.devnull)
    with pipe.open("w", encoding="utf-8") as stream:
        yield Answers(stream)


if __name__ == "__main__":
    be_rank(Path(sys.argv[1]))
