"""Physics: what no device can do is found out, and what was measured is far from it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.schema.breaches import Document, disguise, extended
from tests.schema.training_breaches import OTHER_VERSION, PLAIN, trained

from hfbench_schema.canonical import canonical_bytes, strict_json
from hfbench_schema.cells import parse_cell
from hfbench_schema.devices import accelerator_peak, processor_peak
from hfbench_schema.submission import timed_iterations
from hfbench_schema.suites import find_suite, latest_suite
from hfbench_schema.validation import validate
from hfbench_schema.work import least_operations, least_weights

NOW = datetime(2027, 1, 1, tzinfo=UTC)
CORPUS = sorted(Path("tests/schema/corpus").glob("submission-*/*.json"))
(CALLS,) = (path for path in CORPUS if path.name.startswith("3f50bb1bdb30"))
SUITE = latest_suite("inference")
LLAMA = "inference/llama-3.2-1b-decode/torch-eager/cuda/bf16/b1-s128"
H100 = {"vendor": "NVIDIA", "name": "NVIDIA H100 80GB HBM3", "memory_gib": 80}


@pytest.fixture
def document() -> Document:
    return extended(strict_json(CALLS.read_bytes()))


def found(document: Document) -> dict[str, str]:
    report = validate(canonical_bytes(document), now=NOW)
    assert report.accepted, report.findings
    physics = {one.rule: one.severity for one in report.findings if one.rule >= "HFB1"}
    assert report.quarantined == bool(physics)
    return physics


def on_a_gpu(document: Document, cell: str, seconds: float, gpu: dict[str, Any]) -> Document:
    """Let the first process run be of a cell on a GPU, at a speed."""
    document["machine"]["accelerators"] = [gpu]
    run = document["process_runs"][0]
    count = len(run["iterations_ns"])
    run |= {"cell": cell, "iterations_ns": [int(seconds * 1e9) + n for n in range(count)]}
    return document


def test_the_work_of_known_networks() -> None:
    """BERT-base has 85 million weights in its encoder; a call needs nearly all of 22 GFLOP."""
    cell = parse_cell("inference/bert-base/torch-eager/cpu/fp32/b1-s128")
    assert least_operations(SUITE, cell) == 2 * 128 * 12 * (2 * 768**2 + 2 * 768 * 3072)
    assert 0.6 < least_operations(SUITE, cell) / 22.3e9 < 1
    for name in SUITE.models:
        assert least_weights(SUITE, name) > 10**7, name
    decode, prefill = (
        least_operations(SUITE, parse_cell(LLAMA.replace("decode", kind)))
        for kind in ("decode", "prefill")
    )
    assert prefill == 128 * decode


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name[:12])
def test_real_measurements_are_far_from_the_bound(path: Path) -> None:
    document = json.loads(path.read_bytes())
    peak = processor_peak(document["machine"])
    suite = find_suite(document["suite"]["name"], document["suite"]["version"])
    assert peak is not None
    assert suite is not None
    for run in document["process_runs"]:
        cell, timed = parse_cell(run["cell"]), timed_iterations(run)
        if timed:
            rate = least_operations(suite, cell) / (min(timed) / 1e9)
            assert 0.01 < rate / peak.operations(cell.precision) < 0.5


def test_impossible_speed(document: Document) -> None:
    assert found(document) == {}
    document["process_runs"][0]["iterations_ns"] = [
        time // 100 for time in document["process_runs"][0]["iterations_ns"]
    ]
    assert found(document) == {"HFB100": "quarantine"}


DISGUISES = {
    "shuffled": (lambda times: times[::2] + times[1::2], "the same gaps"),
    "shifted": (lambda times: [time + 4321 for time in times], "the same gaps"),
    "scaled": (lambda times: [time * 103 // 100 for time in times], "the same order"),
    "noisy": (lambda times: [time + n % 7 for n, time in enumerate(times)], "the same order"),
}


@pytest.mark.parametrize(("change", "how"), DISGUISES.values(), ids=DISGUISES)
def test_disguised_copies(
    document: Document, change: Callable[[list[int]], list[int]], how: str
) -> None:
    disguise(change)(document)
    findings = validate(canonical_bytes(document), now=NOW).findings
    (one,) = [found for found in findings if found.severity == "quarantine"]
    assert (one.rule, one.pointer) == ("HFB103", "/process_runs/1/iterations_ns")
    assert how in one.message


@pytest.mark.parametrize(("change", "how"), DISGUISES.values(), ids=DISGUISES)
def test_disguised_copies_of_trainings(
    document: Document, change: Callable[[list[int]], list[int]], how: str
) -> None:
    made, noise = trained(document), Random(2019)
    first, second = (made["process_runs"][number]["training"] for number in (PLAIN, OTHER_VERSION))
    honest = [[10**6 - noise.randrange(10**5) for _ in range(320)] for _ in range(2)]
    first["steps_ns"], second["steps_ns"] = ([steps] for steps in honest)
    assert "HFB103" not in found(made)
    second["steps_ns"] = [change(honest[0])]
    findings = validate(canonical_bytes(made), now=NOW).findings
    (one,) = [finding for finding in findings if finding.rule == "HFB103"]
    assert (one.severity, one.pointer) == ("quarantine", f"/process_runs/{OTHER_VERSION}/training")
    assert how in one.message


def test_trainings_that_become_quicker_alike_are_no_copies(document: Document) -> None:
    """As where a compiler warms up: only the later half is in an order of its own."""
    made, noise = trained(document), Random(2019)
    for number in (PLAIN, OTHER_VERSION):
        steady = [10**6 - noise.randrange(10**5) for _ in range(160)]
        quicker = [10**6 + 1000 * (160 - step) + noise.randrange(100) for step in range(160)]
        made["process_runs"][number]["training"]["steps_ns"] = [quicker + steady]
    assert "HFB103" not in found(made)


def test_impossible_bandwidth(document: Document) -> None:
    """Llama's 1 billion weights, 2 bytes each, take 0.5 ms at 3.9 TB/s; FLOP/s alone allow more."""
    assert found(on_a_gpu(document, LLAMA, 0.001, H100)) == {}
    assert found(on_a_gpu(document, LLAMA, 0.0001, H100)) == {"HFB101": "quarantine"}


def test_a_device_that_nobody_knows(document: Document) -> None:
    unknown = H100 | {"name": "Abacus 9000"}
    report = validate(canonical_bytes(on_a_gpu(document, LLAMA, 0.001, unknown)), now=NOW)
    assert report.findings[0].message == "no bound is known for Abacus 9000"
    assert (report.accepted, report.quarantined) == (True, True)
    document["machine"]["architecture"] = "s390x"
    assert found(document) == {"HFB102": "quarantine"}


@pytest.mark.parametrize(
    ("name", "tera"),
    [
        ("NVIDIA H100 80GB HBM3", 990),
        ("NVIDIA H200", 990),
        ("NVIDIA A100-SXM4-40GB", 312),
        ("Tesla T4", 65),
        ("Tesla V100-SXM2-16GB", 130),
        ("NVIDIA GeForce RTX 4090", 330),
        ("NVIDIA L40S", 362),
        ("NVIDIA L4", 121),
        ("NVIDIA A10G", 125),
        ("NVIDIA RTX A6000", 155),
        ("AMD Instinct MI300X", 1307),
    ],
)
def test_devices_go_by_the_names_that_drivers_give(name: str, tera: float) -> None:
    peak = accelerator_peak(name)
    assert peak is not None
    assert peak.operations("bf16-autocast") == tera * 1e12
    assert peak.operations("fp32") < peak.operations("fp16")
