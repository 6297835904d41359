"""Real workers in the roles other than latency, and placement."""

import os
from collections.abc import Sequence
from io import StringIO
from json import loads
from pathlib import Path
from typing import Any

from tests.submit.test_launching import environment_that_starts_with
from tests.submit.tiny_models import tiny_plan

from hfbench_submit.environments.environments import Environment
from hfbench_submit.launching.spawn import run_worker
from hfbench_worker.answers import Answers
from hfbench_worker.energy import make_windows
from hfbench_worker.workload import Workload

MIB = 2**20
NO_AUTOCAST = """
import sys
class NoAutocast:
    def find_spec(self, name, path=None, target=None):
        if name == "transformers":
            sys.meta_path.remove(self)
            import contextlib, torch
            torch.autocast = lambda *_, **options: contextlib.nullcontext()
sys.meta_path.insert(0, NoAutocast())
"""


def measured(environment: Environment, plan: dict[str, Any]) -> dict[str, Any]:
    return run_worker(environment.python, plan, 1, 60).messages["measured"]


def test_memory_against_a_known_model(environments: Sequence[Environment]) -> None:
    """Embeddings of 256 MiB more, and an activation of 256 MiB, show as that much."""
    wide = {"hidden_size": 64, "intermediate_size": 32768, "num_hidden_layers": 1}
    sizes = []
    for vocabulary in (300, 300 + MIB):
        plan = tiny_plan("bert", {**wide, "vocab_size": vocabulary}, batch_size=32)
        sizes.append(measured(environments[1], {**plan, "role": "memory"})["memory"])
    small, large = sizes
    assert abs(large["host_built"] - small["host_built"] - 256 * MIB) < 16 * MIB
    assert abs(large["host_imported"] - small["host_imported"]) < 16 * MIB
    for size in sizes:
        assert size["host_imported"] < size["host_built"] < size["host_peak"]
        assert 256 * MIB < size["host_peak"] - size["host_built"] < 700 * MIB


def test_cold_keeps_every_call_from_the_first(environments: Sequence[Environment]) -> None:
    phases: list[str] = []
    plan = {**tiny_plan("bert", mode="torchscript"), "role": "cold"}
    outcome = run_worker(
        environments[1].python,
        plan,
        1,
        60,
        on_message=lambda said: phases.append(said["name"]) if "name" in said else None,
    )
    cold = outcome.messages["measured"]
    assert phases == ["import", "build", "prepare", "first call", "calls"]
    assert len(cold["iterations_ns"]) == plan["iterations"]
    assert cold["phases_ns"]["import"] > 0.3e9
    assert sum(cold["phases_ns"].values()) + sum(cold["iterations_ns"]) < outcome.wall_ns


def test_a_precision_is_tried_after_the_calls_that_are_the_first(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    code = f"import sys; exec({NO_AUTOCAST!r})"
    python = environment_that_starts_with(code, environments[1], tmp_path).python
    plan = {**tiny_plan("bert", precision="bf16-autocast"), "role": "cold"}
    outcome = run_worker(python, plan, 1, 60)
    assert outcome.phase == "calls"
    assert outcome.messages["failed"]["status"] == "unsupported"
    assert "computes in torch.float32 instead" in outcome.messages["failed"]["reason"]


def test_the_anchor_on_the_cpus_it_was_given(environments: Sequence[Environment]) -> None:
    cpu = max(os.sched_getaffinity(0))
    plan = {
        "role": "anchor",
        "cell": {"framework": "torch", "device": "cpu"},
        "seed": 1,
        "iterations": 5,
        "cpus": [cpu],
    }
    messages = run_worker(environments[0].python, plan, 1, 60).messages
    assert messages["loaded"]["placement"] == {"cpus": 1, "pinned": True}
    for name, least_ns in {"matmul_ns": 1e6, "copy_ns": 1e6}.items():
        assert len(messages["measured"][name]) == 5
        assert min(messages["measured"][name]) > least_ns


class Sleeper:
    """A workload of which only the calls count."""

    def call(self, number: int) -> None:
        self.number = number

    def synchronize(self) -> None: ...


def test_windows_of_energy() -> None:
    stream = StringIO()
    sleeper: Any = Sleeper()
    workload: Workload = sleeper
    make_windows(workload, Answers(stream), window_s=0.05, warm_s=0.01)
    said = [loads(line) for line in stream.getvalue().splitlines()]
    windows = [answer for answer in said if answer["event"] == "window"]
    assert [w["edge"] for w in windows] == ["begin", "end"] * 8
    ends = windows[1::2]
    assert [w["kind"] for w in ends] == ["idle"] * 2 + ["busy"] * 5 + ["idle"]
    assert all(w["duration_ns"] >= 50_000_000 for w in ends)
    assert all((w["calls"] > 0) == (w["kind"] == "busy") for w in ends)
