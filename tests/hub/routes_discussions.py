"""Discussions and pull requests: list, open, read, comment, rename, close, merge."""

from typing import Any, Final

from tests.hub.accounts import User, require_owner, require_proposer
from tests.hub.answers import Answer, HubError, json_answer
from tests.hub.discussions import Discussion, Event
from tests.hub.pull_requests import conflicts, merge, open_pull_request, unified_diff
from tests.hub.repositories import MAIN, Repository
from tests.hub.routing import REPOSITORY, Call, Route, moment

_DISCUSSIONS_A_PAGE: Final = 50
_TITLE_CHARACTERS: Final = range(3, 201)


def listed(call: Call) -> Answer:
    """Answer one page of the discussions that match, the newest first."""
    wanted = [found for found in call.repository.discussions.values() if _matches(found, call)]
    size = min(call.hub.page_size, _DISCUSSIONS_A_PAGE)
    start = int(call.query.get("p", ["0"])[0]) * size
    chosen = wanted[::-1][start : start + size]
    discussions = [_summary(call.repository, discussion) for discussion in chosen]
    return json_answer({"count": len(wanted), "start": start, "discussions": discussions})


def _matches(discussion: Discussion, call: Call) -> bool:
    """Tell whether the query asks for it; a draft counts as open, what is merged as closed."""
    facts = {
        "type": "pull_request" if discussion.base else "discussion",
        "status": "open" if discussion.is_open else "closed",
        "author": discussion.author,
    }
    return all(call.query.get(name, ["all"])[0] in ("all", fact) for name, fact in facts.items())


def _summary(repository: Repository, discussion: Discussion) -> dict[str, Any]:
    return {
        "num": discussion.num,
        "title": discussion.title,
        "status": discussion.status,
        "author": {"name": discussion.author},
        "createdAt": moment(discussion.date),
        "isPullRequest": discussion.base is not None,
        "repo": {"name": repository.name, "type": "dataset"},
    }


def details(call: Call) -> Answer:
    """Answer everything about a discussion, with its changes if it is a pull request."""
    repository, discussion = call.repository, _discussion(call)
    known = _summary(repository, discussion)
    known["events"] = [_event(event) for event in discussion.events]
    if discussion.base:
        merged = {"mergeCommitId": discussion.merge.oid} if discussion.merge else {}
        known["changes"] = {"base": discussion.target} | merged
        known["filesWithConflicts"] = (
            conflicts(repository, discussion) if discussion.is_open else []
        )
        known["diff"] = unified_diff(repository, discussion)
    return json_answer(known)


def _discussion(call: Call) -> Discussion:
    return call.repository.discussion(int(call.parameters["num"]))


def _event(event: Event) -> dict[str, Any]:
    author, date = {"name": event.author}, moment(event.date)
    data = event.data
    if event.kind == "comment":
        text = data["text"]
        latest = {"raw": text, "html": text, "updatedAt": date, "author": author}
        data = {"edited": False, "hidden": False, "latest": latest, "history": []}
    return {
        "id": event.id,
        "type": event.kind,
        "createdAt": date,
        "author": author,
        "data": data,
    }


def opened(call: Call) -> Answer:
    """Open a discussion, or a pull request without changes, which starts as a draft."""
    user, repository, asked = require_proposer(call.user), call.repository, call.json()
    title, text = asked["title"], asked.get("description", "")
    if len(title) not in _TITLE_CHARACTERS:
        raise HubError(400, "A title has 3 to 200 characters")
    if asked.get("pullRequest"):
        base = repository.refs[MAIN]
        made = open_pull_request(
            repository, title, text, user.name, base=base, target=MAIN, status="draft"
        )
    else:
        made = repository.open_discussion(title, text, user.name)
    return json_answer({"num": made.num, "pullRequest": made.base is not None})


def comment(call: Call) -> Answer:
    """Add a comment."""
    user, discussion = require_proposer(call.user), _discussion(call)
    return json_answer(
        {"newMessage": _event(discussion.comment(user.name, call.json()["comment"]))}
    )


def rename(call: Call) -> Answer:
    """Change the title."""
    user, discussion = _party(call), _discussion(call)
    return json_answer({"newTitle": _event(discussion.rename(user.name, call.json()["title"]))})


def change_status(call: Call) -> Answer:
    """Open or close; what is merged stays so."""
    user, discussion, asked = _party(call), _discussion(call), call.json()
    if discussion.status == "merged" or asked["status"] not in ("open", "closed"):
        raise HubError(400, f"{discussion.status} cannot become {asked['status']}")
    if asked.get("comment"):
        discussion.comment(user.name, asked["comment"])
    event = discussion.change_status(user.name, asked["status"])
    return json_answer({"newStatus": _event(event)})


def merge_it(call: Call) -> Answer:
    """Squash a pull request on its target; nothing tells the Hub which head is meant."""
    user, discussion = require_owner(call.user, call.repository.owner), _discussion(call)
    merge(call.repository, discussion, user.name)
    if text := call.json().get("comment"):
        discussion.comment(user.name, text)
    return json_answer({})


def _party(call: Call) -> User:
    """Return the user if it is the discussion's author or the repository's owner."""
    user = require_proposer(call.user)
    if user.name == _discussion(call).author:
        return user
    return require_owner(user, call.repository.owner)


_ONE: Final = REPOSITORY + r"/discussions/(?P<num>\d+)"
ROUTES: Final = (
    Route("GET", REPOSITORY + "/discussions", listed),
    Route("POST", REPOSITORY + "/discussions", opened),
    Route("GET", _ONE, details),
    Route("POST", _ONE + "/comment", comment),
    Route("POST", _ONE + "/title", rename),
    Route("POST", _ONE + "/status", change_status),
    Route("POST", _ONE + "/merge", merge_it),
)
