"""Whether an upload will be possible: asked before hours of measuring, not after."""

import os
from collections.abc import Callable
from pathlib import Path

from hfbench_submit.doctor.check import Check
from hfbench_submit.doctor.hub_checks import open_pull_requests_check, whoami
from hfbench_submit.errors import SubmitError
from hfbench_submit.uploading.destinations import Destination, HubDataset
from hfbench_submit.uploading.failures import HubRefusalError, refusal, understand
from hfbench_submit.uploading.hub import HubRepository


def check_destination(destination: Destination, say: Callable[[str], None]) -> None:
    """Make sure that a store takes what this user proposes, as far as can be known now.

    Without a network it only says so: the submission will wait in the outbox.

    Raises:
        SubmitError: it will not; the message says how to mend it.
    """
    if isinstance(destination, HubDataset):
        _check_dataset(destination, say)
    else:
        _check_folder(destination)


def _check_folder(folder: Path) -> None:
    existing = next(
        path for path in (folder.absolute(), *folder.absolute().parents) if path.exists()
    )
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise SubmitError(f"the store {folder} cannot be written: choose another --store")


def _check_dataset(dataset: HubDataset, say: Callable[[str], None]) -> None:
    try:
        check = _token_check(dataset)
    except Exception as error:
        failure = understand(error)
        if isinstance(error, HubRefusalError):
            raise
        if failure.final:
            raise refusal(failure, str(dataset), push=False) from error
        say(f"{failure.words}: if it stays so, the submission will wait in the outbox")
        return
    if check.verdict == "warning":
        raise SubmitError(f"the {check.name}: {check.detail}: {check.mend}")
    say(f"{check.name}: {check.detail}")


def _token_check(dataset: HubDataset) -> Check:
    """Ask the Hub for the dataset, then for the token's rights."""
    repository = HubRepository(dataset)
    repository.probe()
    answer = whoami(repository.endpoint, repository.token)
    return open_pull_requests_check(repository.endpoint, repository.token, answer)
