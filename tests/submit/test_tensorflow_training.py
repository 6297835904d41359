"""Real TensorFlow that trains through the real worker: modes, precisions, devices, refusals."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
from tests.submit.test_tensorflow import BASE, VERSIONS
from tests.submit.tiny_training import TRAIN, VALIDATION, training_plan, write_data

import hfbench_worker
from hfbench_submit.environments.environments import Environment, build_environments
from hfbench_submit.launching.spawn import run_worker, worker_environ

EPOCHS = {"epochs": 12}
CLIPPED = {"clipping": 0.1}
SAVES_A_CHECKPOINT = """
import json, sys
from transformers import AutoConfig, BertModel
network = BertModel(AutoConfig.for_model(**json.loads(sys.argv[1])))
network.save_pretrained(sys.argv[2])
print(json.dumps(network.embeddings.word_embeddings.weight.flatten().tolist()))
"""
BUILDS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from hfbench_worker.failures import MeasurementError
from hfbench_worker.tensorflow_training import TensorFlowTrainer

for line in sys.stdin:
    try:
        trainer = TensorFlowTrainer(json.loads(line))
        trainer.build(10)
        network = trainer._network
        weights = {"table": network.bert.embeddings.weight, "head": network.classifier.kernel}
        flat = {name: weight.numpy().ravel().tolist() for name, weight in weights.items()}
        print(json.dumps(flat), flush=True)
    except MeasurementError as error:
        print(json.dumps({"status": error.status, "reason": str(error)}), flush=True)
"""


@pytest.fixture(scope="module")
def tensorflow() -> Environment:
    """TensorFlow with transformers 4.57.6."""
    return build_environments(BASE, VERSIONS[:1], print)[0]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def plan(data: Path, **changes: Any) -> dict[str, Any]:
    config = {"num_hidden_layers": 1} | changes.pop("config", {})
    usual = {"framework": "tensorflow", "mode": "graph"}
    return training_plan(data, config=config, **usual | changes)


def run(environment: Environment, asked: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return run_worker(environment.python, asked, 2, 120).messages


def training(environment: Environment, asked: dict[str, Any]) -> dict[str, Any]:
    messages = run(environment, asked)
    assert messages.get("failed") is None
    assert messages["measured"]["status"] == "ok"
    record: dict[str, Any] = messages["measured"]["training"]
    return record


def python(environment: Environment, *arguments: str, given: str = "") -> list[Any]:
    """Return the lines of JSON that a program prints in an environment."""
    done = subprocess.run(
        [environment.python, "-I", "-c", *arguments],
        input=given,
        env=worker_environ(2),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def build(environment: Environment, plans: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return two of the weights that each plan begins with, or why it is refused."""
    parts = str(Path(hfbench_worker.__file__).parent.parent)
    return python(environment, BUILDS, parts, given="\n".join(map(json.dumps, plans)))


def assert_learnt(record: dict[str, Any]) -> None:
    losses, steps = record["losses_micro"], TRAIN // 4
    assert len(losses) == steps * EPOCHS["epochs"]
    assert mean(losses[-steps:]) < mean(losses[:steps]) / 2
    assert record["compiled_steps"] == [0]
    assert [len(rank) for rank in record["steps_ns"]] == [len(losses)]
    assert {sum(epoch["confusion"]) for epoch in record["epochs"]} == {VALIDATION}


@pytest.fixture(scope="module")
def compiled(tensorflow: Environment, data: Path) -> dict[str, Any]:
    """A training by XLA, in bf16-autocast and without dropout."""
    asked = plan(data, mode="xla", precision="bf16-autocast", recipe=CLIPPED)
    return training(tensorflow, asked)


def test_devices_and_compiler_go_through_the_same_losses(
    tensorflow: Environment, data: Path, compiled: dict[str, Any]
) -> None:
    """Without dropout: what is clipped is the gradient of all devices, as on one."""
    alone = training(tensorflow, plan(data, recipe=CLIPPED))
    two = training(tensorflow, plan(data, recipe=CLIPPED, batch_size=2, world_size=2))
    assert [len(steps) for steps in two["steps_ns"]] == [len(alone["losses_micro"])]
    for other, distance in ((two, 200), (compiled, 30_000)):
        assert other["losses_micro"] == pytest.approx(alone["losses_micro"], abs=distance)
        assert other["compiled_steps"] == [0]
        assert [e["tokens"] for e in other["epochs"]] == [e["tokens"] for e in alone["epochs"]]
    assert [e["confusion"] for e in two["epochs"]] == [e["confusion"] for e in alone["epochs"]]


def test_it_learns_with_scaled_losses(tensorflow: Environment, data: Path) -> None:
    assert_learnt(training(tensorflow, plan(data, precision="fp16-autocast", recipe=EPOCHS)))


def test_it_learns_under_xla_as_the_seed_says(
    tensorflow: Environment, data: Path, compiled: dict[str, Any]
) -> None:
    dropout = {"hidden_dropout_prob": 0.1}
    asked = plan(data, mode="xla", precision="bf16-autocast", recipe=EPOCHS, config=dropout)
    first, second = (training(tensorflow, asked) for _ in range(2))
    assert_learnt(first)
    assert first["losses_micro"] == second["losses_micro"]
    assert first["losses_micro"][0] != compiled["losses_micro"][0]


def test_xla_on_several_devices_trains_or_has_a_reason(tensorflow: Environment, data: Path) -> None:
    messages = run(tensorflow, plan(data, mode="xla", batch_size=2, world_size=2))
    if failed := messages.get("failed"):
        assert failed["status"] == "unsupported"
        reason = failed["reason"]
        assert reason.startswith("in step 1 of 20 (epoch 1): tensorflow 2.21.0 refuses it in mode")
        assert "located in device" in reason
        assert len(reason.splitlines()) == 1
    else:
        assert messages["measured"]["status"] == "ok"


def test_a_checkpoint_of_torch_is_read_and_refusals_have_reasons(
    tensorflow: Environment, environments: Sequence[Environment], data: Path, tmp_path: Path
) -> None:
    asked = plan(data)
    config, folder, empty = asked["model"]["config"], tmp_path / "saved", tmp_path / "empty"
    empty.mkdir()
    (saved,) = python(environments[0], SAVES_A_CHECKPOINT, json.dumps(config), str(folder))
    plans = [
        *({**asked, "model": {**asked["model"], "checkpoint": str(f)}} for f in (folder, empty)),
        asked,
        plan(data, mode="eager"),
        plan(data, precision="bf16"),
        plan(data, device="cuda", world_size=2),
        plan(data, world_size=999),
        plan(data) | {"nodes": 2},
    ]
    loaded, unread, seeded, *refused = build(tensorflow, plans)
    assert loaded["table"] == pytest.approx(saved)
    assert seeded["table"] != pytest.approx(saved)
    assert 0.01 < stdev(loaded["head"]) < 0.03 > stdev(seeded["head"]) > 0.01
    for seen, reason in zip(
        (unread, *refused),
        (
            "cannot read the checkpoint's weights for TensorFlow",
            "does not train in mode eager",
            "does not train in precision bf16",
            "finds no CUDA device",
            f"999 ranks need 999 CPU cores, and there are {len(os.sched_getaffinity(0))} here",
            "on one machine only",
        ),
        strict=True,
    ):
        assert seen["status"] == "unsupported", seen
        assert reason in seen["reason"]
