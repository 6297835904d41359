"""Who asks, and what their token lets them do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.hub.answers import HubError

ROLES: Final = ("read", "write", "fine-grained")


@dataclass(frozen=True)
class User:
    """A user with one token; `permissions` are the global ones of a fine-grained token."""

    name: str
    token: str
    role: str
    permissions: frozenset[str]
    organizations: tuple[str, ...]

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Whose repositories are this user's."""
        return (self.name, *self.organizations)

    @property
    def may_write(self) -> bool:
        """Whether the token writes what the user owns."""
        return self.role == "write" or "repo.write" in self.permissions

    @property
    def may_propose(self) -> bool:
        """Whether the token opens pull requests, adds to one's own, and comments."""
        return self.may_write or "discussion.write" in self.permissions

    def whoami(self) -> dict[str, Any]:
        """Return what `whoami-v2` tells of the token."""
        token: dict[str, Any] = {"displayName": "test", "role": _WIRE_ROLES[self.role]}
        if self.role == "fine-grained":
            token["fineGrained"] = {"global": sorted(self.permissions), "scoped": []}
        return {
            "type": "user",
            "name": self.name,
            "fullname": self.name,
            "orgs": [{"type": "org", "name": name} for name in self.organizations],
            "auth": {"type": "access_token", "accessToken": token},
        }


_WIRE_ROLES: Final = {"read": "read", "write": "write", "fine-grained": "fineGrained"}


@dataclass
class Accounts:
    """All users by token."""

    users: dict[str, User] = field(default_factory=dict)

    def add(
        self,
        name: str,
        token: str,
        role: str = "write",
        permissions: Iterable[str] = (),
        organizations: Iterable[str] = (),
    ) -> User:
        """Add a user; a fine-grained token may do only what `permissions` says."""
        assert role in ROLES, f"role {role!r}: use one of {', '.join(ROLES)}"
        user = User(name, token, role, frozenset(permissions), tuple(organizations))
        self.users[token] = user
        return user

    def find(self, headers: Mapping[str, str]) -> User | None:
        """Return whose token came along, None if none or nobody's did."""
        return self.users.get(headers.get("authorization", "").removeprefix("Bearer "))

    def identify(self, headers: Mapping[str, str]) -> User | None:
        """Return whose token came along, None if none did.

        Raises:
            HubError: 401, the token is nobody's.
        """
        user = self.find(headers)
        if user is None and "authorization" in headers:
            raise HubError(401, "Invalid credentials in Authorization header")
        return user


def require_user(user: User | None) -> User:
    """Return the user, or refuse with 401."""
    if user is None:
        raise HubError(401, "Invalid username or password.")
    return user


def require_proposer(user: User | None) -> User:
    """Return the user if the token may open and discuss pull requests; 401 or 403."""
    if not require_user(user).may_propose:
        raise HubError(403, "Your token has no discussion.write permission")
    return require_user(user)


def require_owner(user: User | None, owner: str) -> User:
    """Return the user if the token may write what `owner` owns; 401 or 403."""
    known = require_user(user)
    if owner not in known.namespaces or not known.may_write:
        raise HubError(
            403, "Forbidden: pass `create_pr=1` as a query parameter to create a Pull Request"
        )
    return known
