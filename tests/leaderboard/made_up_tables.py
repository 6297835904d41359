"""The tables that not every release has, made up for tests: ranks, coverage, changes, the audit."""

from typing import Any

from tests.leaderboard.made_up_release import BERT, GPT, KEY, NEW, OLD, SUBMISSION

Row = dict[str, Any]
ALIKE = "torch 2.13.0, Python 3.11"


def further_tables(text: str = "AMD EPYC 7B13, 8 cores") -> dict[str, Any]:
    """Return the tables by file name; `text` stands wherever a stranger's words may."""
    where = {"machine_key": KEY, "machine": text, "suite": "smoke-1"}
    return {
        "mode_ranks.json": [where | _modes(text)],
        "pooled.json": [_pooled(text)],
        "ranks.json": [where | _ranks(text)],
        "coverage.json": [where | _coverage(environment) for environment in (OLD, NEW)],
        "findings.json": [where | _finding()],
        "history.json": [_history(text, [KEY]), _history(text, [KEY, "m1-of-another"])],
        "audit.json": _audit(),
        "diff.json": _diff(text),
        "training.json": [where | _training(text)],
    }


def _pooled(text: str) -> Row:
    study = {"submitter": text, "machine_key": KEY, "machine": text, "grade": "A", "cells": 2}
    figures = {"p": 0.001, "q": 0.002, "p_equivalent": 0.9, "detectable": 1.02}
    slower = figures | {
        "cell": BERT, "verdict": "slower", "wording": text, "ratio": 1.071, "low": 1.052,
        "high": 1.09, "selected_low": 1.05, "selected_high": 1.092, "prediction_low": 0.991,
        "prediction_high": 1.151, "spread": 1.013, "q_heterogeneity": 0.03, "contributors": 3,
        "process_runs": [30, 30], "flags": [f"screened out: {text}, far slower than the others"],
    }  # fmt: skip
    nothing = dict.fromkeys(("ratio", "low", "high", "prediction_low", "prediction_high", "spread"))
    lacking = {"cell": GPT, "verdict": "insufficient", "contributors": 2, "flags": []}
    return {
        "device_class": text,
        "suite": "smoke-1",
        "baseline": OLD,
        "candidate": NEW,
        "same_versions": False,
        "studies": [study, study, study | {"submitter": None, "grade": None}],
        "tested": 1,
        "index": None,
        "warnings": [text],
        "cells": [
            slower,
            slower | nothing | dict.fromkeys(figures) | lacking,
        ],
    }


def _ranks(text: str) -> Row:
    entry = {"process_runs": 30, "contributors": 2, "trust": "corroborated"}
    places = ((OLD, "transformers 4.57.6", 1, 2, True), (NEW, "transformers 5.23.0", 1, 2, True))
    return {
        "device": "cpu",
        "metric": "latency",
        "alike": f"{ALIKE} {text}",
        "submissions": [SUBMISSION],
        "common_cells": 3,
        "unranked": None,
        "cells": [],
        "entries": [
            entry | {"environment": title, "name": name, "low": low, "high": high}
            | {"tied_for_first": first}
            for title, name, low, high, first in places
        ]
        + [entry | {"environment": text, "name": text, "low": None, "high": None}
           | {"tied_for_first": False}],
    }  # fmt: skip


def _modes(text: str) -> Row:
    entry = {"environment": NEW, "process_runs": 5, "contributors": 1, "trust": "self-reported"}
    unranked = {"low": None, "high": None, "tied_for_first": False}
    return {
        "device": "cpu",
        "model": "bert-base",
        "precision": "fp32",
        "metric": "latency",
        "alike": f"transformers 5.23.0, {text}",
        "submissions": [SUBMISSION],
        "common_cells": 1,
        "unranked": "needs >= 6 cells that all entries measured, has 1",
        "entries": [entry | unranked | {"name": name} for name in ("torch, eager", text, "xla")],
        "cells": [
            {"cell": "bert-base/fp32/b1-s64", "ms": [44.1, 28.1, None], "low": [2, 1, None]}
            | {"high": [2, 1, None], "process_runs": [5, 5, 0]},
            {"cell": "bert-base/fp32/b8-s64", "ms": [310.2, None, None], "low": [1, None, None]}
            | {"high": [1, None, None], "process_runs": [5, 0, 0]},
        ],
    }


def _coverage(environment: str) -> Row:
    group = {"group": "bert-base/torch-eager/cpu/fp32", "measured": ["b1-s64"], "few": []}
    return {
        "environment": environment,
        "counts": {"measured": 1, "few": 0, "unsupported": 1, "failed": 0, "never_run": 2},
        "groups": [group | {"unsupported": ["b8-s64"], "failed": [], "never_run": ["b4-s64"]}],
        "never_run": ["gpt2/torch-eager/cpu/fp32"],
        "command": "hfbench-submit run smoke --with 'transformers==4.57.6 torch==2.13.0'",
    }


def _finding() -> Row:
    return {
        "id": "0123456789abcdef",
        "since": "2026.10.3",
        "since_at": "2026-10-30T08:00:00Z",
        "baseline": OLD,
        "candidate": NEW,
        "cell": BERT,
        "verdict": "slower",
    }


def _history(text: str, machines: list[str]) -> Row:
    """Return two series: in one an uncertain change point and one that is a finding."""
    point = {"version": text, "ms": 41.3, "low_ms": None, "high_ms": None}
    found = {"version": "5.23.0", "previous": "4.57.6", "ratio": 1.07, "low": 1.06, "high": 1.08}
    change = found | {"p": 0.001, "called": True, "wording": f"7 % slower since {text}"}
    small = change | {"version": text, "ratio": 1.004, "called": False}
    series = {"cells": 1, "points": [point], "verdict": "changed", "p": 0.001, "q": 0.002}
    none = {"verdict": "none_found", "q": 0.7, "wording": "no change found in 8 versions"}
    return {
        "machine_keys": machines,
        "machines": [text for _ in machines],
        "device_class": text,
        "suite": "smoke-1",
        "environment": "torch 2.13.0, Python 3.11",
        "notes": [text],
        "series": [
            series | {"cell": BERT, "wording": change["wording"], "changes": [small, change]},
            series | none | {"cell": GPT, "changes": []},
        ],
    }


def _audit() -> Row:
    rate = {"tests": 40, "found": 2, "share": 0.05, "low": 0.006, "high": 0.169}
    none = {"tests": 0, "found": 0, "share": None, "low": None, "high": None}
    counts = {"previous": "2026.10.3", "kept": 4, "gone": 1, "added": 2, "overlap": 0.57}
    return {"replicas": rate, "halves": none, "slower": rate, "slower_p": 0.6, **counts}


def _diff(text: str) -> Row:
    change = {"kind": "verdict", "table": "comparisons.json", "key": [text, GPT]}
    return {
        "before": "2026.10.3",
        "after": "2026.11.1",
        "added": [SUBMISSION],
        "removed": [],
        "events": {},
        "registry_changed": False,
        "method": ["method 3 for 2"],
        "limits": [],
        "counts": [{"kind": "verdict", "causes": ["new data"], "count": 2}],
        "changes": [
            change
            | {"field": "verdict", "before": "inconclusive", "after": text, "causes": ["new data"]},
            change | {"field": "ratio", "before": 1.01, "after": None, "causes": ["retraction"]},
        ],
    }


def _training(text: str) -> Row:
    def estimate(value: float, low: float, high: float) -> Row:
        return {"value": value, "low": low, "high": high}

    one = estimate(1.0, 1.0, 1.0)
    score = {"metric": "accuracy", "mean": estimate(82.0, 81.1, 82.9), "seeds": [1, 2, 3, 4]}
    arm = {
        "mode": "eager", "world_size": 1, "nodes": 1, "seeds": [1, 2, 3, 4], "process_runs": 4,
        "examples_per_s": 1000.0, "tokens_per_s": 9000.0, "step_ms": 20.0, "compiling_s": 0.1,
        "loading_s": 0.1, "evaluation_s": 2.0, "end_to_end_s": 40.0, "peak_mib": None,
        "scores": [score | {"points": [82.0] * 4, "floored": False}], "diverged": 0, "flags": [],
    }  # fmt: skip
    cell = "training/bert-mini/torch-eager/cuda/{}/b32-s64-w1/mrpc"
    amp = {"cell": cell.format("bf16-autocast"), "name": "AMP bf16"}
    verdict = {"verdict": "inconclusive", "wording": text, "p": 0.4, "q": 0.4, "tested": 1}
    return {
        "environment": NEW,
        "framework": "torch",
        "device": "cuda",
        "model": "bert-mini",
        "checkpoint": None,
        "batch_size": 32,
        "sequence_length": 64,
        "data": {
            "task": "mrpc", "source": "hub", "sha256": SUBMISSION, "train_examples": 3668,
            "validation_examples": 408, "ranked": True,
        },
        "submissions": [SUBMISSION],
        "baseline": "fp32",
        "tested": 1,
        "arms": [
            arm | {"cell": cell.format("fp32"), "name": "fp32", "precision": "fp32"}
            | {"throughput": one, "end_to_end": one},
            arm | amp | {"precision": "bf16-autocast", "throughput": estimate(1.5, 1.45, 1.55)}
            | {"end_to_end": estimate(1.2, 1.1, 1.3)},
        ],
        "missing": [{**amp, "status": "unsupported", "reason": text, "process_runs": 1}],
        "effects": [],
        "break_even": [],
        "scaling": [],
        "quality": [
            amp | verdict | {"metric": "accuracy", "difference": estimate(0.4, -1.0, 1.8)}
            | {"p_equivalent": 0.2, "detectable": 2.4, "seeds": [4, 4]},
        ],
        "diverged": [],
        "warnings": [text],
        "notes": [text],
    }  # fmt: skip
