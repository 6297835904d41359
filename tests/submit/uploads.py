"""What the tests of uploading share: documents, an outbox, and a client that is not patient."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hub.fixtures import RESULTS
from tests.hub.pull_requests import PullRequest
from tests.hub.state import Hub
from tests.submit.made_up_submission import cell, latency, submission

from hfbench_schema.canonical import canonical_bytes
from hfbench_schema.tree import proposal_path
from hfbench_submit.planning.slots import Slot
from hfbench_submit.uploading.delivery import Patience
from hfbench_submit.uploading.destinations import HubDataset
from hfbench_submit.uploading.documents import Document
from hfbench_submit.uploading.outbox import Entry, Outbox
from hfbench_submit.uploading.upload import Outcome, flush, upload

STORE = HubDataset(RESULTS)
IMPATIENT = Patience(pause_s=0.01)
COMMAND = [sys.executable, "-c", "from hfbench_submit.cli import main; main()"]


def made_up(number: int, **facts: Any) -> Document:
    """Return a submission that differs from others by its number; `facts` replace parts of it."""
    runs = [latency(Slot(cell("torch-eager"), place, 0), 50.0) for place in (0, 1)]
    made = submission(runs)
    made["sitting"]["id"] = f"{number:032x}"
    return Document.of(canonical_bytes({**made, **facts}))


def written(documents: Sequence[Document], folder: Path) -> list[Path]:
    """Write documents as `run` does; return where."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{document.sha256}.json" for document in documents]
    for path, document in zip(paths, documents, strict=True):
        path.write_bytes(document.data)
    return paths


@dataclass(frozen=True)
class Uploader:
    """A contributor with an outbox, whose process has the Hub and the token in its environment."""

    outbox: Outbox

    def upload(self, *documents: Document, patience: Patience = IMPATIENT, **how: Any) -> Outcome:
        """Upload documents to the dataset of the fixture `hub`."""
        return upload(
            documents, STORE, lambda _: None, outbox=self.outbox, patience=patience, **how
        )

    def flush(self, patience: Patience = IMPATIENT) -> Outcome:
        """Go on with what waits."""
        return flush(lambda _: None, self.outbox, patience)

    def entry(self, document: Document) -> Entry:
        """Return what the outbox knows of a document."""
        entry = self.outbox.find(document.sha256)
        assert entry is not None
        return entry


def proposed(document: Document) -> dict[str, bytes]:
    """Return what a pull request with this document adds."""
    return {str(proposal_path(document.sha256)): document.data}


def asked(hub: Hub, part: str) -> int:
    """Count the requests whose path has a part."""
    return sum(part in request.path for request in hub.log)


def only_pull_request(hub: Hub) -> PullRequest:
    """Return the one pull request there is, which is open."""
    (found,) = hub.pull_requests(RESULTS)
    assert found.status == "open"
    return found


def environment_of(
    environment: Mapping[str, str], home: Path, user: str | None, **others: str
) -> dict[str, str]:
    """Return the environment of a command: the test Hub's, with a user's token, and a data home."""
    token = {"HF_TOKEN": f"hf_{user}"} if user else {}
    return {**environment, "XDG_DATA_HOME": str(home), **token, **others}


def outbox_in(home: Path) -> Outbox:
    """Return the outbox of a command with this data home."""
    return Outbox(home / "hfbench" / "outbox")


def command(
    environment: Mapping[str, str], *arguments: str | Path, exit_code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run `hfbench-submit`."""
    line = [*COMMAND, *map(str, arguments)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done
