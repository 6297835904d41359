"""The project's own way to its dataset: a commit on main, without a pull request."""

from collections.abc import Sequence

from hfbench_submit.uploading import wording
from hfbench_submit.uploading.documents import Document
from hfbench_submit.uploading.hub import HubRepository, Whereabouts


class Pushes:
    """Commits documents as proposals on the main branch of a dataset.

    Each commit names the one that was looked at before it. If that is not the newest any more,
    perhaps because this one has landed already, the Hub refuses it, and one looks again.
    """

    repeatable = True

    def __init__(self, repository: HubRepository) -> None:
        self._repository = repository
        self._head = ""

    def locate(self, documents: Sequence[Document]) -> dict[str, Whereabouts]:
        """Return where the dataset has documents, by hash.

        Raises:
            Exception: what `failures.understand` judges.
        """
        self._head = self._repository.head()
        return self._repository.filed(documents, self._head)

    def propose(self, documents: Sequence[Document]) -> dict[str, Whereabouts]:
        """Commit documents that are not there yet on the commit that `locate` saw.

        Raises:
            Exception: what `failures.understand` judges.
        """
        title = wording.title(documents)
        made = self._repository.commit(documents, title, parent_commit=self._head)
        return self._repository.filed(documents, made.oid)
