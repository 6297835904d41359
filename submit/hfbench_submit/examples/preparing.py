"""What the workers of training cells read: examples as arrays of token ids, and checkpoints."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from hfbench_schema.canonical import document_sha256
from hfbench_schema.cells import Cell
from hfbench_schema.files import sync_folder
from hfbench_schema.submission import TaskData
from hfbench_schema.suites import Model, Suite
from hfbench_submit.errors import SubmitError
from hfbench_submit.examples.checking import check_enough
from hfbench_submit.examples.examples import Task
from hfbench_submit.examples.libraries import library
from hfbench_submit.examples.sources import get_sources
from hfbench_submit.examples.tokenizing import (
    Tokenizer,
    checkpoint_tokenizer,
    encode,
    train_tokenizer,
)

_FROM: Final = {"hub": "from the Hub", "local": "from a local copy", "built_in": "built in"}


@dataclass(frozen=True)
class Prepared:
    """What cells of training need.

    Attributes:
        tasks: what a submission says of the examples, by task.
        folders: by task, model and sequence length, the folder with int32 arrays of each split:
            `train-input_ids.npy`, `-token_type_ids`, `-attention_mask` of shape (examples,
            sequence length), and `-labels` of (examples,); the same for `validation`.
        checkpoints: by model, the folder with `config.json` and weights, if it has a checkpoint.
    """

    tasks: dict[str, TaskData]
    folders: dict[tuple[str, str, int], Path]
    checkpoints: dict[str, Path]


def prepare_examples(
    suite: Suite,
    cells: Sequence[Cell],
    copies: Mapping[str, Path],
    folder: Path,
    say: Callable[[str], None],
) -> Prepared:
    """Get, check and tokenize the examples of the tasks that cells train.

    Args:
        suite: a suite of training.
        cells: those selected.
        copies: a folder with a local copy, by task; it goes before the Hub.
        folder: where the arrays go, into a folder named by what they hold: what is there already
            is taken as it is.
        say: is told of each task.

    Raises:
        SubmitError: a package is missing, examples are not what the task needs, or they are
            neither on the Hub nor in a local copy.
    """
    tasks, checkpoints = get_sources(suite, cells, copies, say)
    prepared = Prepared({}, {}, checkpoints)
    for name, task in tasks.items():
        own = [cell for cell in cells if cell.task == name]
        check_enough(suite.tasks[name], task, own)
        _prepare_task(suite, own, task, folder, prepared)
        say(_told(name, prepared.tasks[name]))
    return prepared


def _prepare_task(
    suite: Suite, cells: Sequence[Cell], task: Task, folder: Path, prepared: Prepared
) -> None:
    """Add what a task's cells need to what is prepared."""
    name = cells[0].task
    tokenizers = {
        model: _tokenizer(suite.models[model], task, prepared.checkpoints)
        for model in dict.fromkeys(cell.model for cell in cells)
    }
    data = _facts(task, tokenizers)
    for cell in cells:
        key = (name, cell.model, cell.sequence_length)
        if key not in prepared.folders:
            model, tokenizer = suite.models[cell.model], tokenizers[cell.model]
            arrays = _Arrays(name, data["sha256"], model, tokenizer, cell.sequence_length)
            prepared.folders[key] = arrays.folder(folder, task)
    prepared.tasks[name] = data


def _tokenizer(model: Model, task: Task, checkpoints: Mapping[str, Path]) -> Tokenizer:
    if model.name in checkpoints:
        return checkpoint_tokenizer(model, checkpoints[model.name])
    return train_tokenizer(model, task.train)


def _facts(task: Task, tokenizers: Mapping[str, Tokenizer]) -> TaskData:
    return {
        "source": task.source,
        "sha256": task.sha256(),
        "train_examples": len(task.train),
        "validation_examples": len(task.validation),
        "tokenizers": {model: tokenizer.facts for model, tokenizer in tokenizers.items()},
    }


@dataclass(frozen=True)
class _Arrays:
    """The arrays of one task, for one model and sequence length."""

    task: str
    sha256: str
    model: Model
    tokenizer: Tokenizer
    length: int

    @property
    def name(self) -> str:
        """A folder's name that says what it holds, and changes with it."""
        content = {
            "data": self.sha256,
            "tokenizer": self.tokenizer.facts["sha256"],
            "length": self.length,
            "padding": self.model.config["pad_token_id"],
        }
        digest = document_sha256(content)[:16]
        return f"{self.task}-{self.model.name}-s{self.length}-{digest}"

    def folder(self, parent: Path, task: Task) -> Path:
        """Return their folder, writing it unless it is there; it is there wholly or not at all.

        Raises:
            SubmitError: it cannot be written.
        """
        folder = parent / self.name
        try:
            parent.mkdir(parents=True, exist_ok=True)
            with FileLock(parent / "writing.lock"):  # on a cluster, nodes may share the folder
                if not folder.is_dir():
                    self._write(folder, task)
        except OSError as error:
            raise SubmitError(f"cannot write {folder}: {error.strerror}") from error
        return folder

    def _write(self, folder: Path, task: Task) -> None:
        unfinished = folder.with_name("unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)  # left by one that was interrupted
        unfinished.mkdir()
        for split, examples in task.splits.items():
            arrays = encode(self.model, self.tokenizer, examples, self.length)
            for name, array in arrays.items():
                _save(unfinished / f"{split}-{name}.npy", array)
        sync_folder(unfinished)
        unfinished.rename(folder)
        sync_folder(folder.parent)


def _save(path: Path, array: Any) -> None:
    with path.open("wb") as stream:
        library("numpy").save(stream, array, allow_pickle=False)
        stream.flush()
        os.fsync(stream.fileno())


def _told(name: str, data: TaskData) -> str:
    """Return one line on a task's examples, and on its tokenizers."""
    examples = (
        f"{data['train_examples']:,} training and {data['validation_examples']:,} validation "
        f"examples, {_FROM[data['source']]}"
    )
    tokenizers = [
        f"{model}'s tokenizer {'trained on them' if facts['kind'] == 'trained' else 'its own'}, "
        f"{facts['vocabulary']:,} pieces"
        for model, facts in data["tokenizers"].items()
    ]
    return f"{name}: {'; '.join([examples, *tokenizers])}"
