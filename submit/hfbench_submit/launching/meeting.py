"""How machines that train together find each other: by one address, which one of them has.

Each runs the same command. Whoever can bind the address leads, and greets all who connect, so that
they know at once that they have come to hfbench; these follow.
"""

import contextlib
import errno
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from hfbench_schema import __version__
from hfbench_schema.canonical import sha256_hex
from hfbench_submit.errors import SubmitError
from hfbench_submit.launching.lines import Line, LostError, Message

WAIT_S = 600
"""For how long machines wait for each other."""
_TAKEN_WAIT_S = 5.0
"""For how long an address that somebody has may not answer: between binding and listening."""
_GREETING_S = 10.0
_CONNECT_S = 5.0
_RETRY_S = 0.5
_MOST_GUESTS = 256
_OF_ANOTHER = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""How binding fails where the address is another machine's, or of a kind that this one lacks."""

_MEND = "choose another port in --rdzv"

Say = Callable[[str], None]
_Place = tuple[socket.AddressFamily, Any]
"""A kind of socket, and what it binds or connects to."""


@dataclass(frozen=True)
class Address:
    """Where machines meet."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write it as on the command line."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Reception:
    """The leader's end: takes in and greets whoever connects, in a thread, until it is closed."""

    def __init__(
        self, address: Address, machines: int, place: _Place, listening: socket.socket
    ) -> None:
        """Take over a socket that listens at a place, and begin."""
        self.address, self.machines = address, machines
        self._place, self._listening = place, listening
        self._arrived = SimpleQueue[Line]()
        self._greeter = threading.Thread(target=self._greet_all, daemon=True)
        self._greeter.start()

    def newly_arrived(self) -> list[Line]:
        """Return the lines to those who have come since the last call."""
        lines = []
        with contextlib.suppress(Empty):
            while True:
                lines.append(self._arrived.get_nowait())
        return lines

    def close(self) -> None:
        """Take in nobody any more."""
        with contextlib.suppress(OSError):  # closing alone leaves the thread in `accept`
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._greeter.join()  # whom it was greeting has arrived, too
        for line in self.newly_arrived():
            line.close()

    def rendezvous(self) -> Address:
        """Return the same host with a port that nobody listens at."""
        family, place = self._place
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((place[0], 0))
            return Address(self.address.host, int(probe.getsockname()[1]))

    def _greet_all(self) -> None:
        greeting = {"hfbench": __version__, "machines": self.machines, "kernel": _kernel()}
        while self._listening.fileno() != -1:
            with contextlib.suppress(OSError):  # closed
                connection, peer = self._listening.accept()
                self._greet(Line(connection, str(peer[0])), greeting)

    def _greet(self, line: Line, greeting: Message) -> None:
        """Take somebody in, or hang up on who is gone again, or one too many."""
        with contextlib.suppress(LostError):
            line.say("greeting", **greeting)
            if self._arrived.qsize() < _MOST_GUESTS:
                self._arrived.put(line)
                return
        line.close()


@dataclass(frozen=True)
class Invitation:
    """A follower's end: the line to the leader, and whether both are on one machine."""

    address: Address
    line: Line
    same_machine: bool


def lead_or_follow(address: Address, machines: int, say: Say) -> Reception | Invitation:
    """Take the address, or go to the machine that has it.

    Args:
        address: the same on all machines.
        machines: how many there are.
        say: is told what is waited for.

    Raises:
        SubmitError: the address means nothing here, nobody comes to have it, or whoever has it is
            not hfbench, or waits for another number of machines.
    """
    places = _resolved(address)
    for place in places:
        try:
            return Reception(address, machines, place, _listening(address, place))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return _invited(address, machines, _connected(address, places, _TAKEN_WAIT_S))
            if error.errno not in _OF_ANOTHER:
                raise _cannot_listen(address, error) from error
    say(f"waiting for the machine that leads at {address}, for {WAIT_S // 60} minutes at most")
    return _invited(address, machines, _connected(address, places, WAIT_S))


def _resolved(address: Address) -> list[_Place]:
    """Return the places that an address means, those to try first at the beginning."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise SubmitError(
            f"--rdzv: this machine cannot resolve the host {address.host} ({why}); give the name "
            "or the address of one of the machines, as all of them know it"
        ) from error
    places: list[_Place] = [(family, place) for family, _, _, _, place in found]
    if any(ipaddress.ip_address(_numeric(place)).is_unspecified for _, place in places):
        raise SubmitError(
            f"--rdzv: {address.host} is every machine's own address; give that of one of them"
        )
    return places


def _numeric(place: Sequence[Any]) -> str:
    return str(place[0]).partition("%")[0]


def _listening(address: Address, at: _Place) -> socket.socket:
    family, place = at
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(_reachable(address, place))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


def _reachable(address: Address, place: Any) -> Any:
    """Return where to listen: everywhere, if a host's own name means its loopback to it."""
    own_name = address.host != "localhost" and _numeric(place) != address.host
    if own_name and ipaddress.ip_address(_numeric(place)).is_loopback:
        return ("", *place[1:])
    return place


def _cannot_listen(address: Address, error: OSError) -> SubmitError:
    mend = "choose a port from 1024 on" if error.errno == errno.EACCES else "choose another port"
    return SubmitError(f"cannot listen at {address}: {error.strerror}; {mend} in --rdzv")


def _connected(address: Address, places: Sequence[_Place], wait_s: float) -> Line:
    """Connect to whoever listens, trying again until somebody does."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return _connect(places)
        except OSError as error:
            if time.monotonic() > deadline:
                raise _nobody_answers(address, wait_s, error) from error
        time.sleep(_RETRY_S)


def _connect(places: Sequence[_Place]) -> Line:
    """Connect to the first place that can be connected to."""
    for family, place in places:
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(_CONNECT_S)
            connection.connect(place)
            return Line(connection, _numeric(place))
        except OSError as error:
            connection.close()
            failed = error
    raise failed


def _nobody_answers(address: Address, wait_s: float, error: OSError) -> SubmitError:
    if wait_s < WAIT_S:
        return SubmitError(f"{address} is taken on this machine, and nothing answers: {_MEND}")
    return SubmitError(
        f"nobody leads at {address} ({error.strerror or error}): run the same command on the "
        "machine that has this address, and let the others reach it"
    )


def _invited(address: Address, machines: int, line: Line) -> Invitation:
    """Hear the leader's greeting.

    Raises:
        SubmitError: there is none, or it is for another number of machines.
    """
    try:
        greeting = line.hear(_GREETING_S) or {}
    except LostError:
        greeting = {}
    if "hfbench" not in greeting:
        line.close()
        raise SubmitError(f"something that is not hfbench listens at {address}: {_MEND}")
    if (theirs := greeting.get("machines")) != machines:
        line.close()
        raise SubmitError(
            f"the machine that leads at {address} has --nodes {theirs}, and this one --nodes "
            f"{machines}: run the same command on each"
        )
    same_kernel = _kernel() != "" and greeting.get("kernel") == _kernel()
    return Invitation(address, line, same_kernel or line.is_local)


def _kernel() -> str:
    """Return what tells a running kernel from all others; empty where the system does not."""
    with contextlib.suppress(OSError):
        return sha256_hex(Path("/proc/sys/kernel/random/boot_id").read_bytes())[:16]
    return ""
