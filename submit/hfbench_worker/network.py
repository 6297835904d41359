"""Which of this machine's network interfaces leads where."""

import contextlib
import socket
import struct

_SIOCGIFADDR = 0x8915
_ELSEWHERE = "192.0.2.1"
"""An address that no machine has (RFC 5737): the way to it is the way to other machines."""
_HERE = ("localhost", "127.0.0.1")


def interface_between_machines(host: str) -> str | None:
    """Return the name of the interface over which others reach this machine, one being `host`.

    A machine's own name often stands for its loopback address, where nobody else finds it.
    """
    interface = interface_to(host)
    if interface is None or host in _HERE or interface != interface_to(_HERE[1]):
        return interface
    return interface_to(_ELSEWHERE) or interface


def interface_to(host: str) -> str | None:
    """Return the name of the interface that reaches a host; None if this system does not tell."""
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with contextlib.suppress(OSError), probe:
        probe.connect((host, 9))  # sends nothing
        own = probe.getsockname()[0]
        names = [name for _, name in socket.if_nameindex()]
        return next((name for name in names if _address(probe, name) == own), None)
    return None


def _address(probe: socket.socket, interface: str) -> str | None:
    """Return an interface's IPv4 address, None if it has none; Linux alone answers this."""
    from fcntl import ioctl

    with contextlib.suppress(OSError):
        answer = ioctl(probe.fileno(), _SIOCGIFADDR, struct.pack("256s", interface.encode()))
        return socket.inet_ntoa(answer[20:24])
    return None
