"""Serve a built site to this machine only, for a look at it."""

import errno
import re
import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

HOST = "127.0.0.1"


class ServeError(Exception):
    """The site cannot be served; the message says why and what to do."""


def site_server(site: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of the site, listening; port 0 takes any that is free.

    Raises:
        ServeError: there is no site in the folder, or the port is taken.
    """
    if not (site / "index.html").is_file():
        raise ServeError(f"{site} holds no site; to build one: hfbench-leaderboard build STORE")
    handler = partial(_Handler, directory=str(site))
    try:
        return _Server((HOST, port), handler)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ServeError(f"port {port} is taken; choose another with --port") from error
        raise ServeError(f"port {port} cannot be used: {error.strerror}") from error


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Pass over a browser that went away in the middle of an answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def _seen_from(address: str, page: bytes) -> bytes:
    """Return a page of the first folder with its links as they must be at another address."""
    way = b"../" * (urlsplit(address).path.count("/") - 1)
    return re.sub(rb'(href|src)="(?!#)', rb'\1="' + way, page)


class _Handler(SimpleHTTPRequestHandler):
    """Files of the site; what is not there gets the site's own page."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        page = Path(self.directory) / "404.html"
        if code != HTTPStatus.NOT_FOUND or not page.is_file():
            super().send_error(code, message, explain)
            return
        content = _seen_from(self.path, page.read_bytes())
        self.send_response(code, message)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def list_directory(self, path: object) -> None:  # noqa: ARG002 (the base class calls it so)
        """Show no listings: a published site has none either."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Say nothing: the terminal shows the address, and it should stay in view."""
