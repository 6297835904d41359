"""Reading examples from files, by the `datasets` library, without a network."""

import csv
import logging
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hfbench_submit.errors import SubmitError
from hfbench_submit.examples.examples import SPLITS
from hfbench_submit.examples.hub import Wanted, first_cause
from hfbench_submit.examples.libraries import library

FORMATS: Final = "train.jsonl and validation.jsonl (or .json, .csv, .tsv, .parquet)"
"""What a folder of examples holds, for messages."""

_READERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "jsonl": ("from_json", {}),
    "json": ("from_json", {}),
    # An empty sentence, or one that says "null", is text.
    "csv": ("from_csv", {"keep_default_na": False}),
    # As those of GLUE: quotation marks are text, and every line is an example.
    "tsv": ("from_csv", {"sep": "\t", "quoting": csv.QUOTE_NONE, "keep_default_na": False}),
    "parquet": ("from_parquet", {}),
}
_SAVED = "dataset_dict.json"
_EMPTY = ("StopIteration", "No columns to parse", "corresponds to no data")
"""What the readers say of files without any example."""
_SHARD = r"(-(?P<number>\d+)-of-(?P<shards>\d+))?"


@dataclass(frozen=True)
class Table:
    """One split as it was read: `name` says where from; a column has one value for each row."""

    name: str
    dataset: Any

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        names: list[str] = self.dataset.column_names
        return names

    def column(self, name: str) -> list[Any]:
        """Return a column's values, in order."""
        values: list[Any] = self.dataset.select_columns([name])[:][name]
        return values


def read_tables(folder: Path) -> dict[str, Table]:
    """Read both splits of a folder: files of one format each, or what `save_to_disk` wrote.

    Raises:
        SubmitError: something is missing, or cannot be read.
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise SubmitError(f"{folder} {what}; it must hold {FORMATS}")
    try:
        if (folder / _SAVED).is_file():
            return _read_saved(folder)
        return {split: _read_files(split_files(folder, split)) for split in SPLITS}
    except OSError as error:
        raise SubmitError(f"{folder} cannot be read: {error.strerror}") from error


def split_files(folder: Path, split: str) -> list[Path]:
    """Return the files of one split, all of one format: one file, or all its numbered shards.

    Raises:
        SubmitError: there is none, a shard is missing, or there are several formats.
    """
    name = re.compile(rf"{split}{_SHARD}\.({'|'.join(_READERS)})")
    found = {path: match for path in folder.iterdir() if (match := name.fullmatch(path.name))}
    files = sorted(found)
    if not files:
        there = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise SubmitError(f"{folder} has no {split} split, but {there}; it must hold {FORMATS}")
    shards = {match["shards"] for match in found.values()}
    if len({path.suffix for path in files}) > 1 or len(shards) > 1:
        names = ", ".join(path.name for path in files)
        raise SubmitError(f"{folder} has more than one {split} split: {names}; leave one there")
    if (count := shards.pop()) is not None and len(files) != int(count):
        raise SubmitError(
            f"{folder} has {len(files)} of the {int(count)} files of its {split} split"
        )
    return files


def wanted_dataset(dataset: Mapping[str, str]) -> Wanted:
    """Return what a task needs of its dataset on the Hub.

    Its `configuration` is the name of the folder that has its files, as `datasets` lays out what
    it publishes, so that this folder is read as a local copy is.
    """

    def complete(folder: Path) -> bool:
        try:
            return all(split_files(folder, split) for split in SPLITS)
        except (SubmitError, OSError):
            return False

    patterns = tuple(f"{split}*" for split in SPLITS)
    names = (dataset["repository"], "dataset", dataset["revision"], dataset["configuration"])
    return Wanted(*names, patterns, complete)


def _read_files(files: list[Path]) -> Table:
    """Read the files of one split into memory; what the library makes of them meanwhile goes."""
    reader, options = _READERS[files[0].suffix[1:]]
    name = str(files[0]) if len(files) == 1 else f"{files[0]} to {files[-1].name}"
    with tempfile.TemporaryDirectory(prefix="hfbench-") as scratch:
        paths = [str(path) for path in files]
        read = getattr(_datasets().Dataset, reader)
        try:
            dataset = read(paths, cache_dir=scratch, keep_in_memory=True, **options)
        except Exception as error:  # whatever the parsers of four formats raise
            reason = _reason(error)
            empty = any(words in reason for words in _EMPTY)
            what = "has no examples" if empty else f"cannot be read: {reason}"
            raise SubmitError(f"{name} {what}") from error
    return Table(name, dataset)


def _read_saved(folder: Path) -> dict[str, Table]:
    datasets = _datasets()
    try:
        saved = datasets.load_from_disk(str(folder))
    except Exception as error:  # as above
        raise SubmitError(f"{folder} cannot be read: {_reason(error)}") from error
    missing = [split for split in SPLITS if split not in saved]
    if missing:
        raise SubmitError(f"{folder} has no {missing[0]} split, but {', '.join(saved)}")
    return {split: Table(f"{folder}, {split}", saved[split]) for split in SPLITS}


def _datasets() -> Any:
    """Return the library, silent: what it would report, hfbench reports."""
    datasets = library("datasets")
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(logging.CRITICAL)
    return datasets


def _reason(error: BaseException) -> str:
    """Return the first line of what went wrong in the first place."""
    error = first_cause(error)
    return str(error).strip().partition("\n")[0] or type(error).__name__
