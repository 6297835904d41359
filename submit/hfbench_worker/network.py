"""Which of this machine's network interfaces leads where."""

import contextlib
import socket
import struct

_SIOCGIFADDR = 0x8915


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
