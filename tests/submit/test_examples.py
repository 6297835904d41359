"""Examples of training tasks: the same whatever file held them, and clear about what is wrong."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

from hfbench_schema.suites import Model, Suite, latest_suite, suite_from_document
from hfbench_submit.errors import SubmitError
from hfbench_submit.examples.examples import Examples, Task
from hfbench_submit.examples.grammar import grammar_task
from hfbench_submit.examples.preparing import Prepared, prepare_examples
from hfbench_submit.examples.tokenizing import train_tokenizer

GRAMMAR_SHA256 = "a83ef9eac0054dd2f8bc8adc777235b6aa2a5637f20ba772d6b53f95af316afb"
REVISION = "0123456789abcdef0123456789abcdef01234567"
SENTENCES = ["Good, and “warm”.", "Not good.", "", "null", 'He said "no".', "42"] * 6
ROWS: list[dict[str, Any]] = [
    {"idx": i, "sentence": text, "label": i * 7 % 3 % 2} for i, text in enumerate(SENTENCES)
]
CONFIG = {"model_type": "bert", "vocab_size": 1024, "pad_token_id": 0}
CELL = "training/tiny/torch-eager/cpu/fp32/b4-s8-w2/{task}"
TASK = {"metrics": ["accuracy"], "ranked": True, "train_examples": 36, "validation_examples": 36}


def small_suite() -> Suite:
    """Return a suite of a task with sentences and one with pairs, one model with a checkpoint."""
    document = {
        "name": "training",
        "version": 1,
        "seed": 1,
        "process_runs": 1,
        "models": {
            "tiny": {"inputs": "sentences", "config": CONFIG},
            "large": {
                "inputs": "sentences",
                "config": CONFIG,
                "checkpoint": {"repository": "maker/large", "revision": REVISION},
            },
        },
        "tasks": {
            name: TASK
            | {
                "columns": columns,
                "dataset": {
                    "repository": "maker/tasks",
                    "configuration": name,
                    "revision": REVISION,
                },
            }
            for name, columns in {"one": ["sentence"], "two": ["first", "second"]}.items()
        }
        | {"grammar": TASK | {"columns": ["sentence"], "dataset": None}},
        "cells": [
            *(CELL.format(task=task) for task in ("one", "two", "grammar")),
            CELL.format(task="one").replace("tiny", "large"),
        ],
    }
    return suite_from_document(document)


def prepare(
    folder: Path, task: str, copies: Mapping[str, Path] | None = None, *, model: str = "tiny"
) -> Prepared:
    suite = small_suite()
    cells = [cell for cell in suite.cells if (cell.task, cell.model) == (task, model)]
    return prepare_examples(suite, cells, copies or {}, folder / "arrays", lambda _: None)


def write_jsonl(folder: Path, rows: dict[str, list[dict[str, Any]]]) -> Path:
    folder.mkdir(parents=True)
    for split, own in rows.items():
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in own]
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def write_copy(folder: Path, kind: str) -> Path:
    """Write the same examples in one of the formats."""
    if kind == "jsonl":
        return write_jsonl(folder, {"train": ROWS, "validation": ROWS})
    table = datasets.Dataset.from_list(ROWS)
    if kind == "saved":
        datasets.DatasetDict(train=table, validation=table).save_to_disk(str(folder))
        return folder
    folder.mkdir()
    for split in ("train", "validation"):
        file = folder / f"{split}.{kind}"
        if kind == "json":
            file.write_text(json.dumps(ROWS), encoding="utf-8")
        elif kind == "parquet":
            for shard in (0, 1):
                name = f"{split}-{shard:05}-of-00002.parquet"
                table.shard(2, shard, contiguous=True).to_parquet(folder / name)
        else:
            write_csv(file, kind)
    return folder


def write_csv(file: Path, kind: str) -> None:
    plain: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "quotechar": None}
    with file.open("w", encoding="utf-8", newline="") as stream:
        options = plain if kind == "tsv" else {}
        writer = csv.DictWriter(stream, fieldnames=list(ROWS[0]), **options)
        writer.writeheader()
        writer.writerows(ROWS)


# The built-in grammar


def test_the_grammar_gives_the_same_bytes_for_ever() -> None:
    task = grammar_task(2048, 512)
    assert task.sha256() == GRAMMAR_SHA256
    texts = [*task.train.texts, *task.validation.texts]
    assert len(set(texts)) == 2560
    for split in (task.train, task.validation):
        assert sum(split.labels) * 2 == len(split)


def test_the_suite_measures_the_grammar_with_nothing_but_itself(tmp_path: Path) -> None:
    suite, said = latest_suite("training"), list[str]()
    cells = [cell for cell in suite.cells if cell.task == "grammar"]
    prepared = prepare_examples(suite, cells, {}, tmp_path, said.append)
    data = prepared.tasks["grammar"]
    pieces = data["tokenizers"]["bert-tiny"]["vocabulary"]
    assert pieces <= suite.models["bert-tiny"].config["vocab_size"]
    assert said == [
        "grammar: 2,048 training and 512 validation examples, built in; bert-tiny's tokenizer "
        f"trained on them, {pieces} pieces"
    ]
    assert (data["source"], data["sha256"]) == ("built_in", GRAMMAR_SHA256)
    folder = prepared.folders["grammar", "bert-tiny", 32]
    ids = np.load(folder / "train-input_ids.npy")
    assert (ids.dtype, ids.shape, ids.max() < pieces) == (np.int32, (2048, 32), True)
    labels = np.load(folder / "validation-labels.npy")
    assert (labels.dtype, labels.shape, labels.sum()) == (np.int32, (512,), 256)


# Local copies


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv", "parquet", "saved"])
def test_a_local_copy_is_the_same_in_every_format(tmp_path: Path, kind: str) -> None:
    copy = write_copy(tmp_path / "copy", kind)
    prepared = prepare(tmp_path, "one", {"one": copy})
    examples = Examples([(row["sentence"],) for row in ROWS], [row["label"] for row in ROWS])
    assert prepared.tasks["one"]["sha256"] == Task("local", examples, examples).sha256()
    assert prepared.tasks["one"]["source"] == "local"
    assert str(tmp_path) not in json.dumps(prepared.tasks)


def test_nothing_is_left_at_home_and_what_is_prepared_is_found_again(tmp_path: Path) -> None:
    copy, home = write_copy(tmp_path / "copy", "jsonl"), tmp_path / "home"
    code = """
import sys
from pathlib import Path
from tests.submit.test_examples import prepare
prepared = prepare(Path(sys.argv[1]), "one", {"one": Path(sys.argv[2])})
print(prepared.folders["one", "tiny", 8])
"""
    environ = os.environ | {"HOME": str(home), "TOKENIZERS_PARALLELISM": "true"}
    environ.pop("HF_HOME", None)
    command = [sys.executable, "-c", code, str(tmp_path), str(copy)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert not home.exists()
    folder = Path(done.stdout.strip())
    before = {path: path.stat().st_mtime_ns for path in [folder, *folder.iterdir()]}
    # Another process, with another order of its hash tables: the same tokenizer, and arrays.
    again = prepare(tmp_path, "one", {"one": copy})
    assert again.folders["one", "tiny", 8] == folder
    assert {path: path.stat().st_mtime_ns for path in [folder, *folder.iterdir()]} == before


def bad(**fields: Any) -> list[dict[str, Any]]:
    return [*ROWS[:2], ROWS[2] | fields, *ROWS[3:]]


NAMELESS = [{"text": row["sentence"], "label": row["label"]} for row in ROWS]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"train": ROWS}, "has no validation split, but train.jsonl; it must hold train.jsonl"),
        (
            {"train": NAMELESS, "validation": ROWS},
            "train.jsonl has no column sentence, but text and label; task one needs sentence and l",
        ),
        (
            {"train": bad(label=2), "validation": ROWS},
            "train.jsonl, row 3: label is 2, and the lab",
        ),
        ({"train": bad(label="x"), "validation": ROWS}, "train.jsonl, row 3: label is 'x', and"),
        ({"train": bad(label=0.5), "validation": ROWS}, "train.jsonl, row 3: label is 0.5, and"),
        ({"train": bad(label=None), "validation": ROWS}, "train.jsonl, row 3: label is None, and"),
        ({"train": ROWS, "validation": bad(label=-1)}, "row 3: label is -1, .* kept secret"),
        (
            {"train": bad(sentence=None), "validation": ROWS},
            "train.jsonl, row 3: sentence is None, which is no text",
        ),
        ({"train": bad(sentence=[1]), "validation": ROWS}, "train.jsonl.* "),
        ({"train": ROWS, "validation": []}, "validation.jsonl has no examples"),
        ({"train": ROWS[:1] * 9, "validation": ROWS}, "train.jsonl has only the label 0"),
        (
            {"train": ROWS[:5], "validation": ROWS},
            "task one has 5 training examples, and a single step of training/tiny/torch-eager/cpu/"
            "fp32/b4-s8-w2/one takes 8",
        ),
    ],
)
def test_what_is_wrong_in_a_copy_is_said(
    tmp_path: Path, rows: dict[str, list[dict[str, Any]]], said: str
) -> None:
    copy = write_jsonl(tmp_path / "copy", rows)
    with pytest.raises(SubmitError, match=said):
        prepare(tmp_path, "one", {"one": copy})


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("train.jsonl", b'{"sentence": "a", "label": 1}\n{"sen', "train.jsonl cannot be read: .+"),
        ("train.csv", b"sentence,label\nM\xe9diocre,0\n", "train.csv cannot be read: .+UTF8"),
        ("train.parquet", b"PAR1", "train.parquet cannot be read: .+"),
        (
            "train.csv",
            b"sentence,label\na,1\nb,\n",
            "train.csv, row 2: label is '', and the labels",
        ),
        ("train.jsonl", b"", "train.jsonl has no examples"),
        ("train.json", b"[]", "train.json has no examples"),
        ("train.csv", b"sentence,label\n", "train.csv has no examples"),
    ],
)
def test_files_that_cannot_be_read_are_named(
    tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    copy = write_jsonl(tmp_path / "copy", {"validation": ROWS})
    (copy / name).write_bytes(data)
    with pytest.raises(SubmitError, match=said) as raised:
        prepare(tmp_path, "one", {"one": copy})
    assert "\n" not in str(raised.value)


def test_copies_in_doubt_are_refused(tmp_path: Path) -> None:
    copy = write_copy(tmp_path / "copy", "parquet")
    (copy / "train-00000-of-00002.parquet").unlink()
    for folder, task, said in [
        (copy, "one", "has 1 of the 2 files of its train split"),
        (tmp_path / "none", "one", "none does not exist; it must hold"),
        (copy / "validation-00000-of-00002.parquet", "one", "is a file, not a folder"),
        (copy, "grammar", "grammar is built in; it can be one of one, two"),
        (copy, "three", "three is no task of suite training"),
    ]:
        with pytest.raises(SubmitError, match=said):
            prepare(tmp_path, "one", {task: folder})
    (copy / "train.csv").write_bytes(b"")
    with pytest.raises(SubmitError, match=r"more than one train split: train-00001.*, train\.csv"):
        prepare(tmp_path, "one", {"one": copy})


def test_the_extra_is_named_when_it_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(SubmitError, match=r"pip install 'hfbench\[training\]'"):
        prepare(tmp_path, "grammar")


# Tokenizers


def test_pairs_are_encoded_as_the_model_reads_them(tmp_path: Path) -> None:
    rows = [
        {"first": "a b", "second": "c", "label": 0},
        {"first": "a a a a a a a", "second": "b c", "label": 1},
    ] * 4
    copy = write_jsonl(tmp_path / "copy", {"train": rows, "validation": rows})
    prepared = prepare(tmp_path, "two", {"two": copy})
    folder = prepared.folders["two", "tiny", 8]
    ids, types, mask = (
        np.load(folder / f"validation-{name}.npy").tolist()
        for name in ("input_ids", "token_type_ids", "attention_mask")
    )
    pad, cls, sep = 0, 2, 3
    a, b, c = ids[0][1], ids[0][2], ids[0][4]
    assert len({pad, cls, sep, a, b, c}) == 6
    assert ids[0] == [cls, a, b, sep, c, sep, pad, pad]
    assert types[0] == [0, 0, 0, 0, 1, 1, 0, 0]
    assert mask[0] == [1, 1, 1, 1, 1, 1, 0, 0]
    assert ids[1] == [cls, a, a, a, sep, b, c, sep]
    assert types[1] == [0, 0, 0, 0, 0, 1, 1, 1]
    assert mask[1] == [1] * 8


def test_rare_characters_do_not_fill_a_small_vocabulary() -> None:
    rare = "".join(chr(0x3B1 + i // 2) + chr(0x430 + i % 32) for i in range(40)) + "\u4e00\u4e01"
    texts = [("the plot was good",)] * 9 + [(rare,), ("the plot is good",)]
    model = Model("tiny", "sentences", CONFIG | {"vocab_size": 64})
    tokenizer = train_tokenizer(model, Examples(texts, [0] * len(texts)))
    assert tokenizer.facts["vocabulary"] <= 64
    assert tokenizer.encoder.encode("Plot").tokens == ["[CLS]", "plot", "[SEP]"]
    assert tokenizer.encoder.encode("\u4e00").tokens == ["[CLS]", "[UNK]", "[SEP]"]
