"""Releases made up for tests: the tables an aggregator would publish, without one."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from hfbench_aggregate.environments import environment_of
from hfbench_aggregate.tables import RELEASE_SCHEMA
from hfbench_schema.canonical import canonical_bytes, sha256_hex

OLD = "transformers 4.57.6, torch 2.13.0, Python 3.11"
NEW = "transformers 5.23.0, torch 2.13.0, Python 3.11"
COPY = f"{OLD}, replica 1"
KEY = "m1-8f3c21d09ab4e657"
SUBMISSION = sha256_hex(b"a sitting")
BERT = "smoke/bert-base/torch-eager/cpu/fp32/b1-s64"
GPT = "smoke/gpt2/torch-eager/cpu/fp32/b1-s64"
COMMIT = "1f2e3d4c5b6a79880f0e0d0c0b0a090807060504"
VIT = "smoke/vit-tiny/torch-eager/cpu/fp32/b1-s197"
CONSTANTS = {
    "ALPHA": 0.05,
    "EQUIVALENCE_MARGIN": 0.03,
    "LEAST_CONTRIBUTORS": 3,
    "LEAST_EFFECT": 0.01,
    "LEAST_FAMILY_CELLS": 10,
    "LEAST_PROCESS_RUNS": 3,
    "LEAST_SERIES_VERSIONS": 8,
    "MEMORY_AGREEMENT": 0.01,
    "POWER": 0.8,
    "WINSOR_LEAST_RUNS": 4,
    "WINSOR_WIDTH_MADS": 4.0,
}

Row = dict[str, Any]


class Tables(NamedTuple):
    """What a release holds beside its manifest."""

    machines: list[Row]
    submissions: list[Row]
    cells: list[Row]
    comparisons: list[Row]
    break_even: list[Row]
    memory: list[Row]
    energy: list[Row]


def full_tables() -> Tables:
    """Two versions, with a cell slower, equivalent, inconclusive and failed, and an A/A check.

    Beside them what else may be measured, and a process run that was set aside.
    """
    cells = [
        _cell(OLD, BERT, 41.3, 0.004),
        _cell(NEW, BERT, 44.1, 0.005),
        _cell(COPY, BERT, 41.35, 0.004),
        _cell(OLD, GPT, 128.4, 0.006),
        _cell(NEW, GPT, 128.9, 0.006),
        _cell(OLD, VIT, 9.871, 0.05),
        _cell(NEW, VIT, 10.13, 0.06),
        _failed_cell(),
    ]
    _set_aside(cells[3])
    costs = (break_even_rows(), memory_rows(), energy_rows())
    return Tables([_machine()], [_submission()], cells, [_check(), _versions()], *costs)


def empty_tables() -> Tables:
    """A release before the first submission."""
    return Tables([], [], [], [], [], [], [])


def lone_tables() -> Tables:
    """One environment only: something measured, nothing to compare."""
    tables = full_tables()
    cells = [row for row in tables.cells if row["environment"] == OLD]
    return tables._replace(cells=cells, comparisons=[], break_even=[], memory=[], energy=[])


def hostile_tables(text: str) -> Tables:
    """The full tables with `text` in every field that a stranger may fill."""
    tables = full_tables()
    _corrupt_facts(tables, text)
    facts = tables.submissions[0]["environments"]
    names = dict(zip((OLD, NEW, COPY), (environment_of(f).title for f in facts), strict=True))
    for comparison in tables.comparisons:
        comparison["baseline"] = names[comparison["baseline"]]
        comparison["candidate"] = names[comparison["candidate"]]
        comparison.update(suite=text, provisional=text, warnings=[text])
        for compared in comparison["cells"]:
            compared.update(wording=text, flags=[text])
    for row in tables.cells:
        row.update(environment=names[row["environment"]], suite=text)
        for run in row["process_runs"]:
            run["reason"] = text
    for row in (*tables.break_even, *tables.memory, *tables.energy):
        row.update(environment=names[row["environment"]], suite=text, flags=[text])
    return tables


HOSTILE = "\"'><img src=x onerror=alert(1)></title></svg><script>alert(2)</script><!--" + "W" * 120

KINDS: dict[str, Callable[[], Tables]] = {
    "full": full_tables,
    "empty": empty_tables,
    "lone": lone_tables,
    "hostile": lambda: hostile_tables(HOSTILE),
}
"""Every kind of release whose pages must look right."""


def write_release(
    store: Path, tables: Tables, version: str = "2026.11.1", further: Row | None = None
) -> Path:
    """Write a release with `further` tables into a store, and return its folder."""
    folder = store / "releases" / version
    folder.mkdir(parents=True)
    files = {
        f"{name}.json": canonical_bytes(rows)
        for name, rows in tables._asdict().items()
        if rows or name not in ("break_even", "memory", "energy")
    } | {name: canonical_bytes(table) for name, table in (further or {}).items()}
    files["NOTES.md"] = b"# 2026.11.1\n\nThe first release.\n"
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "manifest.json").write_bytes(canonical_bytes(_manifest(version, files, tables)))
    return folder


def _corrupt_facts(tables: Tables, text: str) -> None:
    for machine in tables.machines:
        machine["title"] = text
        machine["facts"].update(os=text, kernel=text, architecture=text)
        machine["facts"]["cpu"]["name"] = text
        gpu = {"vendor": text, "name": text, "memory_gib": 80, "driver": text}
        machine["facts"]["accelerators"] = [gpu]
    for submission in tables.submissions:
        submission.update(submitter=text, suite=text, client=text)
        for number, facts in enumerate(submission["environments"]):
            version = text if facts["replica"] else f"{text}{number or ''}"
            facts.update(label=f"{text}{number}", python=text)
            facts["packages"] = {"torch": text, "transformers": version}


def _manifest(version: str, files: dict[str, bytes], tables: Tables) -> Row:
    return {
        "schema": RELEASE_SCHEMA,
        "version": version,
        **dict.fromkeys(("previous", "previous_sha256", "registry_sha256")),
        "as_of": "2026-11-23T14:05:09Z",
        "ledger_head": sha256_hex(b"ledger"),
        "inputs": [{n: row[n] for n in ("sha256", "received_at")} for row in tables.submissions],
        "schemas": {"submission": "urn:hfbench:schema:submission:1", "machine_key": "m1"},
        "rules_version": 1,
        "method_version": "1",
        "constants": dict(CONSTANTS),
        "libraries": {"numpy": "2.4.0", "scipy": "1.17.0", "python": "3.11.14"},
        "suites": [{"name": "smoke", "version": 1, "sha256": sha256_hex(b"smoke")}],
        "tables": {name: sha256_hex(data) for name, data in files.items()},
    }


def _machine() -> Row:
    facts = {
        "os": "Linux",
        "kernel": "6.1.0-31-amd64",
        "architecture": "x86_64",
        "cpu": {"name": "AMD EPYC 7B13 64-Core CPU", "physical_cores": 8, "logical_cores": 16},
        "usable_cores": 8,
        "memory_gib": 32,
        "virtualised": True,
        "accelerators": [],
    }
    title = "AMD EPYC 7B13, 8 cores"
    return {"machine_key": KEY, "title": title, "facts": facts, "submissions": [SUBMISSION]}


def _submission() -> Row:
    return {
        "sha256": SUBMISSION,
        "received_at": "2026-11-23T14:05:09Z",
        "submitter": "octocat",
        "machine_key": KEY,
        "suite": "smoke-1",
        "client": "hfbench 0.1.0",
        "started_at": "2026-11-23T12:40:10Z",
        "finished_at": "2026-11-23T13:52:44Z",
        "environments": [
            _environment("transformers-4.57.6", 0, "4.57.6"),
            _environment("transformers-5.23.0", 0, "5.23.0"),
            _environment("transformers-4.57.6~1", 1, "4.57.6"),
        ],
        "process_runs": 75,
        "statuses": {"ok": 70, "oom_host": 5},
    }


def _environment(label: str, replica: int, transformers: str) -> Row:
    hub = "0.36.0" if transformers.startswith("4") else "1.1.4"
    packages = {
        "huggingface-hub": hub,
        "numpy": "2.4.0",
        "safetensors": "0.7.0",
        "tokenizers": "0.22.1" if transformers.startswith("4") else "0.23.0",
        "torch": "2.13.0",
        "transformers": transformers,
    }
    named = {"label": label, "replica": replica, "python": "3.11.14", "packages": packages}
    return {**named, "sources": {"numpy": {"kind": "git", "content": COMMIT}}}


def _wobble(count: int, seed: float) -> list[float]:
    """Return numbers of mean 0 that look like noise and are the same on every machine."""
    waves = [math.sin(seed * (index + 1) * 12.9898) * 43758.5453 for index in range(count)]
    raw = [round(wave, 6) % 1 for wave in waves]
    mean = sum(raw) / count
    return [2 * (value - mean) for value in raw]


def _cell(environment: str, cell: str, centre: float, noise: float) -> Row:
    offset = {OLD: 0, NEW: 1, COPY: 2}[environment]
    runs = [
        {
            "submission": SUBMISSION,
            "block": block,
            "attempt": 0,
            "order": 60 * block + (offset if block % 2 == 0 else 3 - offset),
            "status": "ok",
            "reason": None,
            "iterations": 20,
            "warmup_iterations": 6,
            "median_ms": round(centre * math.exp(noise * wobble), 4),
        }
        for block, wobble in enumerate(_wobble(10, centre))
    ]
    return {
        "machine_key": KEY,
        "suite": "smoke-1",
        "environment": environment,
        "cell": cell,
        "measured": 10,
        "sittings": 1,
        "centre_ms": centre,
        "low_ms": round(centre * math.exp(-0.8 * noise), 4),
        "high_ms": round(centre * math.exp(0.8 * noise), 4),
        "flags": [],
        "process_runs": runs,
    }


FAILING = "smoke/gpt2/torch-compile/cpu/fp32/b1-s64"


def _set_aside(row: Row) -> None:
    """Let a cell have a first attempt that was disturbed, and be measured by its second."""
    second = row["process_runs"][3]
    first = second | {"status": "contaminated", "reason": CAUSE, "median_ms": None, "iterations": 0}
    second.update(attempt=1, order=second["order"] + 1)
    row["process_runs"].insert(3, first)


CAUSE = "foreign CPU time 40 % of a core"
COMPILED = "inference/bert-base/torch-compile/cpu/bf16-autocast/b1-s64"


def _place(cell: str, environment: str = OLD) -> Row:
    names = {"suite": "inference-1, fork server", "environment": environment, "cell": cell}
    return {"machine_key": KEY, "flags": [], **names}


def break_even_rows() -> list[Row]:
    """Return a mode that pays from empty caches, and one that never does."""
    times = {"compile_ms": 31240.0, "eager_ms": 41.3, "mode_ms": 28.1, "process_runs": [3, 10, 10]}
    pays = "pays after 2,367 calls (2,105 to 2,655)"
    return [
        _place(COMPILED)
        | {"caches": "empty", "calls": 2366.67, "low": 2104.2, "high": 2654.9, "wording": pays}
        | times,
        _place(COMPILED, NEW)
        | {"caches": "warm", "calls": None, "low": None, "high": None}
        | {**times, "mode_ms": 44.1, "wording": "never: it saves nothing"},
    ]


def memory_rows() -> list[Row]:
    """Return a cell on the CPU, and one on a device."""
    host = {"measured": 2, "host_imported": 412.1, "host_built": 861.8, "host_peak": 2010.4}
    nowhere = dict.fromkeys(("device_built", "device_peak", "device_reserved"))
    device = {"device_built": 418.2, "device_peak": 1603.0, "device_reserved": 1740.0}
    flags = ["host_peak differs by 1.5 % between process runs"]
    return [
        _place(BERT) | host | nowhere | {"flags": flags},
        _place(COMPILED.replace("cpu", "cuda")) | host | device,
    ]


def energy_rows() -> list[Row]:
    """Return a cell, one that takes no more than the idle machine, and one without a counter."""
    power = {"source": "nvml", "measured": 2, "busy_watts": 612.4, "idle_watts": 74.0}
    return [
        _place(COMPILED) | power | {"joules": 1.734, "net_joules": 1.525, "spread": 0.013},
        _place(BERT) | power | {"joules": 0.21, "net_joules": -0.0031, "spread": None},
        _place(GPT)
        | dict.fromkeys(("source", "busy_watts", "idle_watts", "joules", "net_joules", "spread"))
        | {"measured": 0, "flags": ["2 process runs failed: unsupported (no counter)"]},
    ]


def _failed_cell() -> Row:
    row = _cell(NEW, FAILING, 100.0, 0.01)
    row.update(measured=0, centre_ms=None, low_ms=None, high_ms=None)
    row["process_runs"] = row["process_runs"][:5]
    for run in row["process_runs"]:
        reason = "killed by the kernel: the worker's memory reached 31.2 GiB of 32 GiB"
        run.update(status="oom_host", reason=reason, iterations=0, warmup_iterations=0)
        run["median_ms"] = None
    return row


def _versions() -> Row:
    return {
        "machine_key": KEY,
        "suite": "smoke-1",
        "baseline": OLD,
        "candidate": NEW,
        "same_versions": False,
        "design": "interleaved",
        "interleaved": [3, 3],
        "sitting_sd": 0.0,
        "sittings": [1, 1],
        "provisional": None,
        "tested": 3,
        "warnings": ["also differ: tokenizers 0.22.1 / 0.23.0, huggingface-hub 0.36.0 / 1.1.4"],
        "cells": [
            _compared(BERT, "slower", 1.0678, 1.0613, 1.0743, 0.0001, 1.0089, (41.3, 44.1)),
            _compared(GPT, "equivalent", 1.0039, 0.9979, 1.01, 0.192, 1.0086, (128.4, 128.9)),
            _compared(VIT, "inconclusive", 1.0262, 0.9703, 1.0854, 0.341, 1.0812, (9.871, 10.13)),
            _insufficient(FAILING),
        ],
    }


def _check() -> Row:
    compared = _compared(BERT, "equivalent", 1.0012, 0.9969, 1.0055, 0.573, 1.006, (41.3, 41.35))
    comparison = _versions()
    comparison.update(
        interleaved=[1, 1],
        candidate=COPY,
        same_versions=True,
        tested=1,
        warnings=[],
        cells=[compared],
    )
    return comparison


def _compared(
    cell: str,
    verdict: str,
    ratio: float,
    low: float,
    high: float,
    q: float,
    detectable: float,
    times: tuple[float, float],
) -> Row:
    called = verdict in ("slower", "faster")
    return {
        "cell": cell,
        "verdict": verdict,
        "wording": f"the time changed by {100 * (ratio - 1):+.1f} %, and with 95 % confidence "
        f"by {100 * (low - 1):+.1f} to {100 * (high - 1):+.1f} %",
        "ratio": ratio,
        "low": low,
        "high": high,
        "selected_low": low if called else None,
        "selected_high": high if called else None,
        "p": q,
        "q": q,
        "p_equivalent": 0.001 if verdict == "equivalent" else 0.4,
        "detectable": detectable,
        "process_runs": [10, 10],
        "baseline_ms": times[0],
        "candidate_ms": times[1],
        "flags": ["candidate: unstable in 1 of 10"] if verdict == "inconclusive" else [],
    }


def _insufficient(cell: str) -> Row:
    row = _compared(cell, "insufficient", 1.0, 1.0, 1.0, 1.0, 1.0, (1.0, 1.0))
    for name in ("ratio", "low", "high", "p", "q", "p_equivalent", "detectable"):
        row[name] = None
    row.update(baseline_ms=None, candidate_ms=None, process_runs=[0, 0])
    row["wording"] = "needs >= 3 process runs per version, has 0/0"
    row["flags"] = ["candidate: 5 process runs failed: oom_host (killed by the kernel)"]
    return row
