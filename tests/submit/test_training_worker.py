"""Real workers that train: what follows from the seed, ranks, and what ends a training early."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.submit.test_launching import environment_that_starts_with
from tests.submit.test_nodes import free_address
from tests.submit.tiny_training import TRAIN, VALIDATION, training_plan, write_data

from hfbench_submit.environments.environments import Environment
from hfbench_submit.launching.fork_server import ForkServer
from hfbench_submit.launching.spawn import WorkerOutcome, run_worker
from hfbench_worker.rank_failures import RankFailure, first_cause

STEPS = 2 * TRAIN // 4
IN_RANKS: dict[str, Any] = {"batch_size": 2, "world_size": 2}
ENDLESS = {"epochs": 100_000}
DROPOUT = {"hidden_dropout_prob": 0.1}
RUNS_OUT_OF_MEMORY_IN_RANK_1 = """
import os, sys
class RunsOut:
    def find_spec(self, name, path=None, target=None):
        if name == "transformers" and os.environ.get("RANK") == "1":
            sys.meta_path.remove(self)
            import torch
            step, steps = torch.optim.AdamW.step, []
            def run_out(*arguments, **options):
                steps.append(1)
                if len(steps) == 3:
                    raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
                return step(*arguments, **options)
            torch.optim.AdamW.step = run_out
sys.meta_path.insert(0, RunsOut())
"""
LOST = "RuntimeError: [pair.cc:553] Connection closed by peer [127.0.0.1]:1. Check the logs."


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def server(environments: Sequence[Environment]) -> Iterator[ForkServer]:
    """Give a fork server, which spares a run its imports."""
    with ForkServer(environments[1].python, 1) as running:
        yield running


def training(outcome: WorkerOutcome) -> dict[str, Any]:
    assert outcome.messages.get("failed") is None
    assert outcome.messages["measured"]["status"] == "ok"
    record: dict[str, Any] = outcome.messages["measured"]["training"]
    return record


def assert_same_examples(record: dict[str, Any], other: dict[str, Any]) -> None:
    """Without dropout, the same examples in the same order give the same losses."""
    assert record["losses_micro"] == pytest.approx(other["losses_micro"], abs=2000)
    for name in ("tokens", "confusion"):
        assert [e[name] for e in record["epochs"]] == [e[name] for e in other["epochs"]]


def descendants_by_rank() -> dict[int, psutil.Process]:
    """Return this process's descendants that are ranks."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "RANK" in (variables := process.environ()):
                found.setdefault(int(variables["RANK"]), process)
    return found


class KilledWhileTraining:
    """Hears a worker's answers; kills a rank, or its agent, in the third epoch."""

    def __init__(self, rank: int, agent: bool = False) -> None:
        self._rank, self._agent = rank, agent
        self.ranks: dict[int, psutil.Process] = {}
        self._killed_at = 0.0

    def __call__(self, message: dict[str, Any]) -> None:
        if str(message.get("name")).startswith("epoch 3 ") and not self.ranks:
            self.ranks = descendants_by_rank()
            rank = self.ranks[self._rank]
            ((rank.parent() if self._agent else rank) or rank).kill()
            self._killed_at = time.monotonic()

    def assert_all_ended_soon(self) -> None:
        assert time.monotonic() - self._killed_at < 15
        _, alive = psutil.wait_procs(self.ranks.values(), timeout=5)
        assert len(self.ranks) == 2
        assert not alive


def test_a_training_follows_from_its_seed(server: ForkServer, data: Path) -> None:
    def losses(seed: int) -> list[int]:
        plan = training_plan(data, seed=seed, config=DROPOUT)
        found: list[int] = training(server.run(plan, 60))["losses_micro"]
        return found

    first = losses(1)
    assert losses(1) == first
    assert losses(2) != first


def test_versions_and_ranks_train_on_the_same_examples(
    environments: Sequence[Environment], server: ForkServer, data: Path
) -> None:
    alone = training(server.run(training_plan(data), 60))
    assert [len(steps) for steps in alone["steps_ns"]] == [STEPS]
    assert [sum(epoch["confusion"]) for epoch in alone["epochs"]] == [VALIDATION] * 2
    assert alone["compiled_steps"] == []
    older = run_worker(environments[0].python, training_plan(data), 1, 60)
    assert_same_examples(training(older), alone)
    ranks = run_worker(environments[1].python, training_plan(data, **IN_RANKS), 2, 60)
    assert_same_examples(training(ranks), alone)
    assert [len(steps) for steps in training(ranks)["steps_ns"]] == [STEPS, STEPS]
    assert [len(epoch["loading_ns"]) for epoch in training(ranks)["epochs"]] == [2, 2]
    loaded = ranks.messages["loaded"]
    assert loaded["threads"]["intra_op"] == 1
    assert loaded["placement"] == {"cpus": 1, "pinned": True}


def test_a_compiler_trains_on_the_same_examples(
    environments: Sequence[Environment], server: ForkServer, data: Path
) -> None:
    small = {"num_hidden_layers": 1}
    alone = training(server.run(training_plan(data, config=small), 60))
    plan = training_plan(data, config=small, mode="compile")
    caches = Path(os.environ["HFBENCH_CACHE"]) / "test-compile-caches"  # a minute, but for once
    compiled = training(run_worker(environments[1].python, plan, 1, 120, caches=caches))
    assert_same_examples(compiled, alone)
    assert compiled["compiled_steps"] == [0]  # the backward pass with it, and nothing anew


@pytest.mark.parametrize("precision", ["bf16-autocast", "fp16-autocast"])
def test_mixed_precision_trains_almost_alike(
    server: ForkServer, data: Path, precision: str
) -> None:
    exact = training(server.run(training_plan(data), 60))["losses_micro"]
    mixed = training(server.run(training_plan(data, precision=precision), 60))["losses_micro"]
    assert mixed != exact
    assert mixed == pytest.approx(exact, abs=20_000)


def test_the_memory_of_a_training(server: ForkServer, data: Path) -> None:
    measured = server.run(training_plan(data, role="memory"), 60).messages["measured"]
    memory = measured["memory"]
    assert memory["host_imported"] < memory["host_built"] < memory["host_peak"]
    assert "training" not in measured


def test_a_loss_that_is_not_finite(server: ForkServer, data: Path) -> None:
    plan = training_plan(data, recipe={"learning_rate": 1e30})
    measured = server.run(plan, 60).messages["measured"]
    assert measured["status"] == "diverged"
    assert measured["reason"] == f"the loss is not finite in step 2 of {STEPS} (epoch 1)"
    assert measured["training"]["losses_micro"][1:] == [None]
    assert [len(steps) for steps in measured["training"]["steps_ns"]] == [2]
    assert measured["training"]["epochs"] == []


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ({"world_size": 4096}, "4096 ranks need 4096 CPU cores, and there are "),
        ({"mode": "torchscript"}, "torch does not train in mode torchscript"),
        ({"precision": "bf16"}, "torch does not train in precision bf16"),
        ({"batch_size": 64}, f"one step takes 64 examples, and the task has only {TRAIN}"),
    ],
)
def test_what_cannot_be_trained(
    server: ForkServer, data: Path, cell: dict[str, Any], reason: str
) -> None:
    failed = server.run(training_plan(data, **cell), 60).messages["failed"]
    assert failed["status"] == "unsupported"
    assert reason in failed["reason"]


def test_a_rank_that_is_killed(environments: Sequence[Environment], data: Path) -> None:
    plan, killed = training_plan(data, recipe=ENDLESS, **IN_RANKS), KilledWhileTraining(1)
    failed = run_worker(environments[1].python, plan, 2, 60, on_message=killed).messages["failed"]
    killed.assert_all_ended_soon()
    assert failed["status"] == "error"
    assert failed["reason"].startswith("rank 1 was ended by SIGKILL in ")
    assert failed["reason"].endswith((" (epoch 3)", "evaluation 2 of 100000", "epoch 3 of 100000"))


def test_a_rank_that_runs_out_of_memory(
    environments: Sequence[Environment], data: Path, tmp_path: Path
) -> None:
    code = f"import sys; exec({RUNS_OUT_OF_MEMORY_IN_RANK_1!r})"
    python = environment_that_starts_with(code, environments[1], tmp_path).python
    failed = run_worker(python, training_plan(data, **IN_RANKS), 2, 60).messages["failed"]
    assert failed["status"] == "oom_host"
    assert failed["reason"].startswith(f"in step 3 of {STEPS} (epoch 1): ")


def test_a_machine_that_is_lost(environments: Sequence[Environment], data: Path) -> None:
    """The agent of the second one is killed: its rank ends with it, and the first one says so."""
    rendezvous = str(free_address())
    killed = KilledWhileTraining(1, agent=True)

    def machine(number: int) -> WorkerOutcome:
        plan = training_plan(data, recipe=ENDLESS, **IN_RANKS)
        plan |= {"nodes": 2, "node_rank": number, "rendezvous": rendezvous}
        plan["cpus"] = [plan["cpus"][number]]
        hear = None if number else killed
        return run_worker(environments[1].python, plan, 1, 60, on_message=hear)

    with ThreadPoolExecutor() as machines:
        first, second = machines.map(machine, range(2))
    killed.assert_all_ended_soon()
    assert second.returncode == -signal.SIGKILL
    assert first.messages["failed"]["status"] == "error"
    said = "a rank on another machine ended or lost its connection: rank 0 noticed it in step"
    assert first.messages["failed"]["reason"].startswith(said)


@pytest.mark.parametrize(
    ("failures", "machines", "status", "reason"),
    [
        ([(0, 1, LOST, 9), (1, -9, "", 0)], 1, "error", "rank 1 was ended by SIGKILL in step 7"),
        ([(0, 1, LOST, 1), (1, 1, "in step 7: bad", 2)], 1, "error", "in step 7: bad"),
        ([(0, -6, "", 0), (1, 1, "in step 7: bad", 2)], 1, "error", "in step 7: bad"),
        ([(0, 1, LOST, 1), (1, -15, "", 0)], 1, "error", "rank 1 was ended by SIGTERM in step 7"),
        ([(2, 1, LOST, 1), (3, -15, "", 0)], 2, "error", "a rank on another machine ended or"),
        ([(0, -15, "", 0), (1, 3, "", 0)], 1, "error", "rank 1 ended with exit code 3 in step 7"),
    ],
)
def test_which_rank_failed_first(
    failures: list[tuple[int, int, str, int]], machines: int, status: str, reason: str
) -> None:
    found = [
        RankFailure(rank, code, "step 7", "error" if told else "", told, time_ns)
        for rank, code, told, time_ns in failures
    ]
    cause = first_cause(found, machines, out_of_memory=False)
    assert cause.status == status
    assert str(cause).startswith(reason)


def test_a_rank_that_the_kernel_kills_for_memory() -> None:
    cause = first_cause([RankFailure(1, -signal.SIGKILL, "step 7")], 1, out_of_memory=True)
    assert cause.status == "oom_host"
    assert str(cause) == "the kernel's out-of-memory killer ended rank 1 in step 7"
