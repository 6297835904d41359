"""Real TensorFlow through the real worker: modes, precisions, and what is refused."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import hfbench_worker
from hfbench_submit.environments.environments import Environment, build_environments
from hfbench_submit.launching.spawn import run_worker, worker_environ

BASE = "tensorflow-cpu==2.21.0 tf-keras==2.21.0"
VERSIONS = ("transformers==4.57.6", "transformers==5.23.0")


def tokens(config: dict[str, Any]) -> dict[str, Any]:
    return {"inputs": "tokens", "config": config}


BERT = tokens({
    "model_type": "bert", "vocab_size": 1000, "hidden_size": 64, "num_hidden_layers": 1,
    "num_attention_heads": 4, "intermediate_size": 128,
})  # fmt: skip
LARGER_BERT = tokens({**BERT["config"], "hidden_size": 256, "intermediate_size": 1024})
CTRL = tokens({
    "model_type": "ctrl", "vocab_size": 1000, "n_positions": 64, "n_embd": 64, "dff": 128,
    "n_layer": 1, "n_head": 4,
})  # fmt: skip
SEEN_FROM_INSIDE = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from hfbench_worker.failures import MeasurementError
from hfbench_worker.tensorflow_workload import TensorFlowWorkload

def cpu_share_afterwards(workload):
    "Return the CPU time used after a call and its synchronisation, over that used until then."
    begun = time.process_time()
    workload.call(0)
    workload.synchronize()
    returned = time.process_time()
    time.sleep(0.3)
    return (time.process_time() - returned) / (returned - begun)

def observe(plan):
    workload = TensorFlowWorkload(plan)
    workload.build(); workload.reference(); workload.prepare()
    outputs = [workload.call(number) for number in range(8)]
    traces = getattr(workload._step, "experimental_get_tracing_count", lambda: 0)()
    return {
        "traces": traces,
        "cpu_share_afterwards": cpu_share_afterwards(workload),
        "repeated": workload.digest(outputs[0]) == workload.digest(outputs[4]),
        "rotated": len({workload.digest(output) for output in outputs}),
        "distance": workload.distance(outputs[0]),
        "distance_of_another_input": workload.distance(outputs[1]),
        "weights": {w.name: [float(x) for x in (w.numpy().mean(), w.numpy().std())]
                    for w in workload._network.weights},
    }

for line in sys.stdin:
    try:
        seen = observe(json.loads(line))
    except MeasurementError as error:
        seen = {"status": error.status, "reason": str(error)}
    print(json.dumps(seen), flush=True)
"""
KINDS: dict[str, dict[str, Any]] = {
    "t5": {"inputs": "pairs", "config": {
        "model_type": "t5", "vocab_size": 100, "d_model": 32, "d_kv": 8, "d_ff": 64,
        "num_layers": 1, "num_heads": 4, "decoder_start_token_id": 0,
    }},
    "vit": {"inputs": "pixels", "config": {
        "model_type": "vit", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4,
        "intermediate_size": 64, "image_size": 32, "patch_size": 8, "num_channels": 3,
    }},
    "whisper": {"inputs": "features", "config": {
        "model_type": "whisper", "vocab_size": 100, "num_mel_bins": 80, "d_model": 32,
        "encoder_layers": 1, "encoder_attention_heads": 4, "encoder_ffn_dim": 64,
        "decoder_layers": 1, "decoder_attention_heads": 4, "decoder_ffn_dim": 64,
        "max_source_positions": 8, "max_target_positions": 8, "pad_token_id": 0,
        "bos_token_id": 1, "eos_token_id": 1, "decoder_start_token_id": 1,
    }},
    "transfo-xl": {"inputs": "tokens", "config": {
        "model_type": "transfo-xl", "vocab_size": 100, "cutoffs": [20, 40], "d_model": 32,
        "d_embed": 32, "n_head": 4, "d_head": 8, "d_inner": 64, "n_layer": 1, "mem_len": 16,
        "div_val": 4,
    }},
}  # fmt: skip


@pytest.fixture(scope="module")
def tensorflow() -> Sequence[Environment]:
    """TensorFlow with transformers 4.57.6 and with 5.23.0."""
    return build_environments(BASE, VERSIONS, print)


def plan(model: dict[str, Any], **cell: Any) -> dict[str, Any]:
    fixed = {"framework": "tensorflow", "mode": "eager", "device": "cpu", "precision": "fp32"}
    sizes = {"batch_size": 2, "sequence_length": 8}
    whole = {**fixed, **sizes, **cell}
    return {"cell": whole, "model": model, "seed": 5, "iterations": 5}


def run(environment: Environment, asked: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return run_worker(environment.python, asked, threads=2, timeout_s=300).messages


def observe(environment: Environment, plans: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the workload does, plan after plan in one process, seen from inside."""
    parts = str(Path(hfbench_worker.__file__).parent.parent)
    done = subprocess.run(
        [environment.python, "-I", "-c", SEEN_FROM_INSIDE, parts],
        input="\n".join(json.dumps(each) for each in plans),
        env=worker_environ(2),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("mode", "precision", "least", "most"),
    [
        ("graph", "fp32", 0, 1_000),
        ("xla", "fp32", 1, 10_000),
        ("eager", "bf16-autocast", 100_000, 20_000_000),
    ],
)
def test_mode_and_precision_reach_the_eager_fp32_output(
    tensorflow: Sequence[Environment],
    tmp_path: Path,
    mode: str,
    precision: str,
    least: int,
    most: int,
) -> None:
    caches = tmp_path / 'it\'s "with" blanks'
    asked = plan(BERT, mode=mode, precision=precision)
    messages = run_worker(tensorflow[0].python, asked, 2, 300, caches=caches).messages
    assert messages["measured"]["status"] in ("ok", "no_steady_state"), messages
    # Not 0 where numbers are rounded otherwise: it was that mode and precision that computed.
    assert least <= messages["measured"]["output_check"]["distance_ppb"] <= most
    assert messages["loaded"]["threads"] == {"intra_op": 2, "inter_op": 2}
    packages = tensorflow[0].facts["packages"]
    assert messages["loaded"]["packages"].items() <= packages.items()
    assert {"tensorflow-cpu", "tf-keras", "transformers"} <= messages["loaded"]["packages"].keys()
    assert bool(list(caches.glob("xla/*"))) == (mode == "xla")


def test_modes_trace_once_and_leave_no_work_behind(tensorflow: Sequence[Environment]) -> None:
    work = {"batch_size": 4, "sequence_length": 128}
    plans = [plan(LARGER_BERT, mode=mode, **work) for mode in ("eager", "graph", "xla")]
    seen = observe(tensorflow[0], plans)
    assert [each["traces"] for each in seen] == [0, 1, 1]
    for each in seen:
        assert each["cpu_share_afterwards"] < 0.2, each["cpu_share_afterwards"]
        assert each["distance"] < 1e-5 < 0.1 < each["distance_of_another_input"]
        assert each["repeated"]
        assert each["rotated"] == 4


def test_every_kind_of_input_and_hfbenchs_own_weights(tensorflow: Sequence[Environment]) -> None:
    seen = observe(tensorflow[0], [plan(model) for model in KINDS.values()])
    for each in seen:
        assert each["distance"] == 0
        assert each["rotated"] == 4
        for name, (mean, deviation) in each["weights"].items():
            if deviation:
                assert abs(mean) < 0.01, name
                assert 0.015 < deviation < 0.025, name
            else:
                assert mean == (0 if name.endswith(("bias:0", "beta:0")) else 1), name


def test_refusals_have_reasons(tensorflow: Sequence[Environment]) -> None:
    refused = {
        "expected to be a half tensor but is a float": plan(CTRL, precision="fp16-autocast"),
        "type float32 that does not match": plan(CTRL, precision="bf16", mode="graph"),
        "indices[0,512] = 512 is not in [0, 512)": plan(BERT, sequence_length=513),
        "cannot build qwen3 for TensorFlow": plan(
            tokens({"model_type": "qwen3", "vocab_size": 100})
        ),
        "decode is measured in torch only": plan({**BERT, "inputs": "decode"}),
        "tensorflow has no mode compile": plan(BERT, mode="compile"),
        "no synchronise function": plan(BERT, device="mps"),
        "finds no CUDA device": plan(BERT, device="cuda"),
    }
    for reason, seen in zip(refused, observe(tensorflow[0], list(refused.values())), strict=True):
        assert seen["status"] == "unsupported", seen
        assert reason in seen["reason"]
        assert len(seen["reason"]) < 500
        assert "Exception encountered" not in seen["reason"]


def test_environment_without_tensorflow_models_is_refused(
    tensorflow: Sequence[Environment], environments: Sequence[Environment]
) -> None:
    for environment, reason in (
        (tensorflow[1], "transformers 5.23.0 has no TensorFlow models"),
        (environments[0], "No module named 'tensorflow'"),
    ):
        failed = run(environment, plan(BERT))["failed"]
        assert failed["status"] == "unsupported", failed
        assert reason in failed["reason"]
