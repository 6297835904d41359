"""Segments: partitions on disk, each in a folder of its own, written once."""

import os
import shutil
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hfbench_aggregate.engine import partitions
from hfbench_aggregate.engine.manifest import Segment
from hfbench_aggregate.engine.partitions import (
    REDUCED,
    REDUCER_VERSION,
    RUNS,
    SUBMISSIONS,
    DamagedError,
)
from hfbench_schema.canonical import sha256_hex

GRACE_S: Final = 3600
"""How long what was merged away stays, for those who began to read it before, in seconds."""
_READ_WHOLE: Final = (SUBMISSIONS, RUNS, REDUCED)
_WRITING: Final = ".writing-"


@dataclass(frozen=True)
class SegmentFolder:
    """The segments below `root`, each in `<bucket>/<name>`."""

    root: Path

    def path(self, segment: Segment) -> Path:
        """Return where a segment lies."""
        return self.root / segment.bucket / segment.name

    def write(self, bucket: str, files: Mapping[str, bytes]) -> Segment:
        """Write a segment of level 0."""
        name, folder = self._begin(bucket)
        for file, data in files.items():
            (folder / file).write_bytes(data)
        return self._finish(bucket, name, 0)

    def merge(self, segments: Sequence[Segment]) -> Segment:
        """Write one segment with all that several of one bucket and level hold.

        Raises:
            DamagedError: one of them cannot be read.
        """
        name, folder = self._begin(segments[0].bucket)
        for segment in segments:
            self.check(segment)
        partitions.merged([self.path(segment) for segment in segments], folder)
        return self._finish(segments[0].bucket, name, segments[0].level + 1)

    def read(self, segment: Segment, file: str) -> bytes:
        """Return the bytes of a file that is read whole.

        Raises:
            DamagedError: they are not what was written.
        """
        path = self.path(segment) / file
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DamagedError(f"{path}: {error.strerror}") from error
        if sha256_hex(data) != segment.digests.get(file):
            raise DamagedError(f"{path} is not what was written")
        return data

    def check(self, segment: Segment) -> None:
        """Compare the files that are read whole with their digests.

        Raises:
            DamagedError: one is not what was written.
        """
        for file in _READ_WHOLE:
            self.read(segment, file)

    def retire(self, segments: Iterable[Segment]) -> None:
        """Let what was merged away be deleted later."""
        for segment in segments:
            os.utime(self.path(segment))

    def delete(self, segments: Iterable[Segment]) -> None:
        """Delete segments now."""
        for segment in segments:
            shutil.rmtree(self.path(segment), ignore_errors=True)

    def sweep(self, bucket: str, held: Iterable[Segment], grace_s: float = GRACE_S) -> None:
        """Delete what a killed writer left in a bucket, and what was merged away before."""
        kept = {segment.name for segment in held}
        for path in (self.root / bucket).glob("*"):
            old = time.time() - path.stat().st_mtime > grace_s
            if path.name not in kept and (old or path.name.startswith(_WRITING)):
                shutil.rmtree(path, ignore_errors=True)

    def _begin(self, bucket: str) -> tuple[str, Path]:
        """Return a name that was never used, and an empty folder to write to."""
        name = uuid.uuid4().hex
        folder = self.root / bucket / f"{_WRITING}{name}"
        folder.mkdir(parents=True)
        return name, folder

    def _finish(self, bucket: str, name: str, level: int) -> Segment:
        """Let a written folder appear under its name, whole."""
        folder = self.root / bucket / f"{_WRITING}{name}"
        digests = {file: sha256_hex((folder / file).read_bytes()) for file in _READ_WHOLE}
        folder.replace(self.root / bucket / name)
        return Segment(name, bucket, level, REDUCER_VERSION, digests)
