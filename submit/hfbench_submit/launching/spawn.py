"""Launch one worker, sleep until it answers, and come home with an outcome whatever happens."""

import contextlib
import json
import os
import re
import resource
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import IO, Any

import hfbench_worker
from hfbench_submit.launching.listening import Beside, Listener, OnMessage
from hfbench_submit.launching.process_groups import await_exit, killed_at_exit
from hfbench_submit.launching.scratch import scratch_folder
from hfbench_submit.machine import nvml

_BOOTSTRAP = """
import importlib.util, pathlib, runpy, sys
init, module = pathlib.Path(sys.argv[1]), sys.argv[2]
del sys.argv[1:]
spec = importlib.util.spec_from_file_location(
    "hfbench_worker", init, submodule_search_locations=[str(init.parent)])
sys.modules["hfbench_worker"] = importlib.util.module_from_spec(spec)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""
"""Makes the worker importable in the measured environment, and nothing else of the client's."""

_INHERITED = {"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_HOME"}
_INHERITED |= {"CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"}
# By which network several machines reach each other, which only whoever set it up knows.
_INHERITED |= {"GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME", "NCCL_IB_HCA", "NCCL_IB_DISABLE"}


@dataclass(frozen=True)
class WorkerOutcome:
    """What came back from one worker.

    `messages` are the worker's answers, the last of each event; `wall_ns` runs from launch to
    end; `returncode` is negative if a signal ended the worker; `timed_out` says that it was
    killed in `phase`, the last one it began ("start" before any); `oom_kills` is by how much the
    kernel's count of out-of-memory kills grew; `tail` is the end of what the worker printed;
    `cpu_s` is the CPU time of the worker and its children.
    """

    messages: dict[str, dict[str, Any]]
    wall_ns: int
    returncode: int
    timed_out: bool
    oom_kills: int
    tail: str
    phase: str
    cpu_s: float


def run_worker(
    python: Path,
    plan: dict[str, Any],
    threads: int,
    timeout_s: float,
    *,
    caches: Path | None = None,
    hash_seed: int = 0,
    gpus: int = 1,
    on_message: OnMessage | None = None,
    beside: Beside | None = None,
) -> WorkerOutcome:
    """Run one worker to its end; when the time is up, kill it with all its children.

    The parent sleeps in `select` all the while: one that polls costs the worker a core.

    Args:
        python: the interpreter of the measured environment.
        plan: what the worker is told; its answers' descriptor is added here.
        threads: how many threads the framework may use.
        timeout_s: for how long the worker may be silent in each phase.
        caches: the folder for compile caches; the framework's own choice without it.
        hash_seed: PYTHONHASHSEED of the worker.
        gpus: how many GPUs it is shown, of those there are.
        on_message: called with each of the worker's answers as it arrives.
        beside: what else to listen on meanwhile, as `Listener` has it.

    Raises:
        OSError: the interpreter cannot be started.
    """
    environ = worker_environ(threads, caches=caches, hash_seed=hash_seed, gpus=gpus)
    if caches and plan.get("cell", {}).get("mode") == "xla":
        environ |= _xla_cache(caches)
    with scratch_folder() as scratch:
        oom_kills, cpu_s, start = oom_kills_so_far(), children_cpu_s(), perf_counter_ns()
        worker, answer = _launch(python, plan, environ | {"TMPDIR": str(scratch)})
        assert worker.stdout is not None  # noqa: S101 - asked for in _launch
        # Popen's own exit closes stdin and waits; by then the group has been killed.
        with answer, worker, killed_at_exit(worker), exit_of(worker) as end:
            descriptors = (answer.fileno(), worker.stdout.fileno(), end)
            with Listener(*descriptors, on_message, beside) as heard:
                timed_out = heard.listen(timeout_s)
            if heard.ended:  # if not, it has had its time to end
                await_exit(worker)
        wall_ns = perf_counter_ns() - start
    return WorkerOutcome(
        messages=heard.messages,
        wall_ns=wall_ns,
        returncode=worker.returncode,
        timed_out=timed_out,
        oom_kills=oom_kills_so_far() - oom_kills,
        tail=heard.tail,
        phase=heard.phase,
        cpu_s=children_cpu_s() - cpu_s,
    )


def _launch(
    python: Path, plan: dict[str, Any], environ: dict[str, str]
) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """Start the worker, hand it the plan, and keep its stdin open: that is its lifeline."""
    read_end, write_end = os.pipe()
    answer = os.fdopen(read_end, "rb", buffering=0)
    with contextlib.ExitStack() as opened, os.fdopen(write_end, "wb") as answer_end:
        opened.enter_context(answer)
        worker = start_module(python, "hfbench_worker", environ, pass_fds=[answer_end.fileno()])
        plan = {**plan, "answer_fd": answer_end.fileno()}
        opened.pop_all()  # the worker runs: from here on the caller closes it
    with contextlib.suppress(BrokenPipeError):  # it died at once: its end tells why
        assert worker.stdin is not None  # noqa: S101 - asked for in start_module
        worker.stdin.write(json.dumps(plan).encode() + b"\n")
    return worker, answer


def start_module(
    python: Path,
    module: str,
    environ: dict[str, str],
    *,
    stdin: int = subprocess.PIPE,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a module of hfbench_worker in a session of its own, with pipes for what it prints.

    The interpreter is isolated as by -I, except that it heeds PYTHONHASHSEED: `environ` must
    hold no other variable for Python.
    """
    return subprocess.Popen(
        [python, "-P", "-s", "-c", _BOOTSTRAP, hfbench_worker.__file__, module],
        stdin=stdin,
        bufsize=0,  # a plan that a dead worker never took must not be written again on closing
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environ,
        pass_fds=pass_fds,
        start_new_session=True,
    )


def worker_environ(
    threads: int, *, caches: Path | None = None, hash_seed: int = 0, gpus: int = 1
) -> dict[str, str]:
    """Return a worker's environment variables: an allow-list, and what hfbench decides.

    That is the thread counts, no network, Keras 2 for transformers' TensorFlow models, quiet
    logs, so many GPUs, and the folders of compile caches inside `caches`.
    """
    inherited = {name: value for name, value in os.environ.items() if name in _INHERITED}
    counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    offline = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    python = {"PYTHONHASHSEED": str(hash_seed)}
    tensorflow = {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    decided = counts | offline | python | tensorflow | _visible_gpus(gpus) | _cache_folders(caches)
    return inherited | decided


def _visible_gpus(count: int) -> dict[str, str]:
    """Show a worker GPUs by their UUIDs: numbers change with drivers and with visible devices."""
    chosen = nvml.chosen_gpus(count)
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} | (
        {"CUDA_VISIBLE_DEVICES": ",".join(chosen)} if chosen else {}
    )


def _cache_folders(caches: Path | None) -> dict[str, str]:
    if caches is None:
        return {}
    folders = {"TORCHINDUCTOR_CACHE_DIR": "torchinductor", "TRITON_CACHE_DIR": "triton"}
    return {name: str(caches / folder) for name, folder in folders.items()}


def _xla_cache(caches: Path) -> dict[str, str]:
    """Name the folder of XLA's cache; TensorFlow splits its flags at blanks outside of quotes."""
    folder = re.sub(r'(["\\])', r"\\\1", str(caches / "xla"))
    return {"TF_XLA_FLAGS": f'--tf_xla_persistent_cache_directory="{folder}"'}


@contextlib.contextmanager
def exit_of(process: subprocess.Popen[bytes]) -> Iterator[int | None]:
    """Give a descriptor that becomes readable when the process ends, None where there is none."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # not Linux, or an old kernel
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def children_cpu_s() -> float:
    """Return the CPU time of all children that have ended, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def oom_kills_so_far() -> int:
    """Return the kernel's count of out-of-memory kills, 0 where it does not tell."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/vmstat").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("oom_kill ")).split()[1])
    return 0
