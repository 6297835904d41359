"""Real workers: every kind of inputs in every mode and precision, and outputs that are checked."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.submit.test_launching import environment_that_starts_with
from tests.submit.tiny_models import TINY, tiny_plan

import hfbench_worker
from hfbench_submit.environments.environments import Environment
from hfbench_submit.launching.fork_server import ForkServer
from hfbench_submit.launching.spawn import run_worker
from hfbench_worker.failures import describe

Answers = dict[str, dict[str, Any]]
BILLION = 1_000_000_000
MISCOMPILE = """
import sys
class Miscompile:
    def find_spec(self, name, path=None, target=None):
        if name == "transformers":
            sys.meta_path.remove(self)
            import torch
            torch.compile = lambda network: lambda **inputs: (1.002 * network(**inputs)[0],)
sys.meta_path.insert(0, Miscompile())
"""


POOL = """
import sys
class Pool:
    def find_spec(self, name, path=None, target=None):
        if name == "transformers":
            sys.meta_path.remove(self)
            import torch
            def start_pool(network):
                from torch._inductor.async_compile import AsyncCompile
                AsyncCompile.warm_pool(), AsyncCompile.wakeup(), AsyncCompile.wait_pool_ready()
                return network
            torch.compile = start_pool
sys.meta_path.insert(0, Pool())
"""
CAST_AND_LOADED = """
import copy, json, sys
sys.path.insert(0, sys.argv[1])
import torch
from hfbench_worker.torch_models import build_network, cast_network
model, name = json.loads(sys.argv[2]), sys.argv[3]
dtype = getattr(torch, name)
network = build_network(model, 1)
loaded = type(network).from_pretrained(
    None, config=copy.deepcopy(network.config), state_dict=network.state_dict(), dtype=dtype)
cast_network(network, model, dtype)
theirs = {**dict(loaded.named_parameters()), **dict(loaded.named_buffers())}
ours = {**dict(network.named_parameters()), **dict(network.named_buffers())}
assert ours.keys() == theirs.keys()
assert all(ours[n].dtype == theirs[n].dtype and torch.equal(ours[n], theirs[n]) for n in ours)
print(json.dumps(sorted({n.split(".")[-2] for n in ours if ours[n].dtype == torch.float32})))
"""


@pytest.fixture(scope="module")
def servers(environments: Sequence[Environment]) -> Iterator[list[ForkServer]]:
    """Give fork servers, which spare a run its imports, for transformers 4.57.6 and 5.23.0."""
    with ExitStack() as running:
        yield [running.enter_context(ForkServer(e.python, 1)) for e in environments]


def answers(server: ForkServer, plan: dict[str, Any]) -> Answers:
    return server.run(plan, 60).messages


@pytest.mark.parametrize("model", TINY)
def test_every_kind_of_inputs(servers: list[ForkServer], model: str) -> None:
    digests = set()
    for server in servers:
        eager = answers(server, tiny_plan(model))["measured"]
        assert eager["status"] in ("ok", "no_steady_state")
        assert "output_check" not in eager
        assert eager["phases_ns"].keys() == {"import", "build", "prepare"}
        digests.add(eager["output_sha256"])
        traced = answers(server, tiny_plan(model, mode="torchscript"))
        if "failed" in traced:
            assert traced["failed"]["status"] == "unsupported"
            assert "torch.jit.trace cannot trace it" in traced["failed"]["reason"]
        else:
            assert traced["measured"]["output_check"]["distance_ppb"] < 1000
    assert len(digests) == 1  # the same weights and inputs in both versions


@pytest.mark.parametrize("model", ["bert", "llama-decode"])
def test_compile(servers: list[ForkServer], model: str) -> None:
    plan = tiny_plan(model, mode="compile")
    measured = answers(servers[1], plan)["measured"]
    assert measured["output_check"]["distance_ppb"] < 10_000
    assert measured["iterations_ns"][0] > 20 * measured["iterations_ns"][-1]


@pytest.mark.parametrize("precision", ["bf16", "fp16", "bf16-autocast", "fp16-autocast"])
def test_every_precision(servers: list[ForkServer], precision: str) -> None:
    for model in ("bert", "llama-decode"):
        check = answers(servers[1], tiny_plan(model, precision=precision))["measured"]
        distance = check["output_check"]["distance_ppb"] / BILLION
        assert 1e-6 < distance < check["output_check"]["tolerance_ppb"] / BILLION / 4


@pytest.mark.parametrize(
    ("model", "dtype", "exact"),
    [("llama-decode", "bfloat16", ["rotary_emb"]), ("t5", "float16", ["wo"])],
)
def test_a_cast_network_is_the_one_that_users_load(
    environments: Sequence[Environment], model: str, dtype: str, exact: list[str]
) -> None:
    parts, described = str(Path(hfbench_worker.__file__).parent.parent), tiny_plan(model)["model"]
    for environment in environments:
        done = subprocess.run(
            [environment.python, "-c", CAST_AND_LOADED, parts, json.dumps(described), dtype],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == exact


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`", "oom_device", ""),
        ("std::bad_alloc", "oom_host", ""),
        ("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED.", "unsupported", "no kernel for it: cuDNN"),
        ("CUDA error: no kernel image is available", "unsupported", "no kernel for it: CUDA"),
        ("expected scalar type Float but found Half", "unsupported", "mixes types"),
        ("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED", "error", "the GPU failed or was lost"),
    ],
)
def test_what_the_gpus_libraries_say(text: str, status: str, said: str) -> None:
    found, reason = describe(RuntimeError(text))
    assert found == status
    assert said in reason
    assert ("failed or was lost" in reason) == (status == "error")


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ({"precision": "fp8"}, "precision fp8 does not work"),
        ({"precision": "fp32-autocast"}, "precision fp32-autocast does not work"),
        ({"mode": "xla"}, "torch has no mode xla"),
    ],
)
def test_what_torch_cannot_do(servers: list[ForkServer], cell: dict[str, Any], reason: str) -> None:
    failed = answers(servers[1], tiny_plan("bert", **cell))["failed"]
    assert failed["status"] == "unsupported"
    assert reason in failed["reason"]


def test_an_architecture_that_was_dropped_or_is_left_to_decay(servers: list[ForkServer]) -> None:
    config = {"model_type": "transfo-xl", "n_layer": 1, "cutoffs": [100, 200], "div_val": 1}
    reasons = []
    for server in servers:
        failed = answers(server, tiny_plan("bert", config))["failed"]
        assert failed["status"] == "unsupported"
        reasons.append(failed["reason"])
    assert "among its deprecated ones" in reasons[0]
    assert reasons[1] == (
        "transformers 5.23.0 cannot build transfo-xl: this version does not have the architecture"
    )


@pytest.mark.parametrize("mode", ["eager", "torchscript"])
def test_every_decode_call_follows_the_same_prompt(servers: list[ForkServer], mode: str) -> None:
    plan = tiny_plan("llama-decode", mode=mode)
    runs = [answers(servers[1], {**plan, "iterations": n})["measured"] for n in (2, 9)]
    assert len(runs[0]["iterations_ns"]) < len(runs[1]["iterations_ns"])
    assert runs[0]["output_sha256"] == runs[1]["output_sha256"]
    other = answers(servers[1], tiny_plan("llama-decode", sequence_length=63))["measured"]
    assert other["output_sha256"] != runs[0]["output_sha256"]


def test_a_compiler_that_computes_something_else(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    code = f"exec({MISCOMPILE!r})"
    broken = environment_that_starts_with(f"import sys; {code}", environments[1], tmp_path)
    failed = run_worker(broken.python, tiny_plan("bert", mode="compile"), 1, 60).messages["failed"]
    assert failed["status"] == "wrong_output"
    assert "is 0.002 (relative) away" in failed["reason"]
    assert "fp32 explains 0.001" in failed["reason"]


def test_the_processes_of_a_compiler_are_waited_for_and_counted(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    """Each imports torch, which takes more than a second of CPU time."""
    code = f"import sys; exec({POOL!r})"
    python = environment_that_starts_with(code, environments[1], tmp_path).python
    modes = ("eager", "compile")
    eager, compiled = (run_worker(python, tiny_plan("bert", mode=m), 1, 60) for m in modes)
    assert compiled.messages["measured"]["output_check"]["distance_ppb"] == 0
    assert compiled.cpu_s > eager.cpu_s + 1


def test_an_environment_without_a_compiler(
    environments: Sequence[Environment], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    plan = tiny_plan("bert", mode="compile")
    failed = run_worker(environments[1].python, plan, 1, 60, caches=tmp_path).messages["failed"]
    assert failed["status"] == "unsupported"
    assert failed["reason"].startswith("there is no working C++ compiler")
