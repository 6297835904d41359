"""A Hub on this machine, for tests that drive the real `huggingface_hub` client over HTTP.

    from tests.hub.faults import lost_answer, reset, status
    from tests.hub.server import HubServer

    with HubServer() as hub:  # hub is a tests.hub.state.Hub
        hub.add_user("hfbench", "hf_hfbench")  # role="write"
        hub.add_user("ada", "hf_ada", role="fine-grained", permissions={"discussion.write"})
        hub.add_dataset("hfbench/results")  # of the owner hfbench; README.md, .gitattributes
        api = HfApi(endpoint=hub.endpoint, token="hf_ada")  # HF_ENDPOINT is read at import

        hub.faults.nth(1, "POST", "/commit/", lost_answer())  # the first commit from now
        hub.faults.randomly({reset(): 0.2, status(503): 0.1}, seed=7)
        hub.faults.clear()

        hub.files("hfbench/results", "refs/pr/1")  # {path: bytes}, without HTTP
        hub.head("hfbench/results")  # the commit of main
        hub.pull_requests("hfbench/results", status="open")  # [PullRequest]: num, title, status,
        # author, head, base, files, deleted, description, comments
        hub.push("hfbench/results", "refs/pr/1", {"a.json": b"{}"}, large={"b.parquet": b"..."},
                 symlinks={"c": "../d"}, deletes=["README.md"], author="mallory")
        hub.log  # [Request]: method, path, query, status, user, fault; in the order of answers
        hub.page_size = 3  # entries of a tree on one page

Faults (`tests.hub.faults`): `reset()`, `lost_answer()`, `truncated()`, `delayed(seconds)`,
`status(code, processed=, retry_after=)`, `rate_limited(seconds)`.

Rights: everyone reads what is public. A token of role `write`, or with `repo.write`, commits, tags
and merges where its user, or an organization of the user, is the owner. Such a token, or one with
`discussion.write`, opens pull requests and comments anywhere, and commits on its own pull requests.

There is no Xet. A parquet file goes by Git LFS if it is passed as an open file, or, in a
subprocess, with HF_HUB_DISABLE_XET=1, which `tests.hub.fixtures.hub_environment` sets.

A failure inside the server is answered with 500, and raised again when the server closes.

What is assumed of hf.co, not known: a draft cannot be merged (400); a conflict is 409;
`status=open` lists drafts; a squash is titled "title (#N)"; a token of role `read` opens no pull
request (403); the author may still commit on a closed pull request; a symbolic link is listed as a
file whose content is its target.
"""

import contextlib
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

from tests.hub import routes_commits, routes_discussions, routes_files, routes_repositories
from tests.hub.answers import Answer, json_answer
from tests.hub.faults import Fault
from tests.hub.routing import dispatch
from tests.hub.state import Hub, Request

_ROUTES: Final = (
    *routes_repositories.ROUTES,
    *routes_files.ROUTES,
    *routes_commits.ROUTES,
    *routes_discussions.ROUTES,
)
_NO_FAULT: Final = Fault("none")
_POLL_S: Final = 0.02
"""How often the listener looks whether it shall stop."""
_CLOSE_S: Final = 10.0
"""How long closing waits for handlers to notice."""


class HubServer:
    """Runs a Hub on a free port of 127.0.0.1 while the `with` block lasts."""

    def __init__(self) -> None:
        self._listener = _Listener()
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(_POLL_S,), daemon=True
        )

    def __enter__(self) -> Hub:
        self._thread.start()
        return self._listener.hub

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close every connection.

        Raises:
            Exception: what went wrong inside the server, if the block itself ended well.
        """
        self._listener.shutdown()
        self._thread.join()
        self._listener.close_connections()
        self._listener.server_close()
        if error is None and self._listener.failures:
            raise self._listener.failures[0]


class _Listener(ThreadingHTTPServer):
    """Accepts connections, and knows the open ones so that it can close them."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = Hub(endpoint=f"http://127.0.0.1:{self.server_port}")
        self.failures: list[BaseException] = []
        self.closing = threading.Event()
        self._open: set[Any] = set()
        self._changed = threading.Condition()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify()

    def close_connections(self) -> None:
        """Close what is open, and wait until every handler has noticed."""
        self.closing.set()
        with self._changed:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._open, _CLOSE_S)

    def handle_error(self, *_: Any) -> None:
        """Keep what went wrong inside the server; a client that hung up is no failure."""
        error = sys.exception()
        if error and not isinstance(error, ConnectionError):
            self.failures.append(error)


class _Handler(BaseHTTPRequestHandler):
    """One connection, kept alive over many requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Listener

    def do_GET(self) -> None:
        """Read a request, let it have its fault, and answer."""
        body = b"".join(self._body())
        headers = {name.lower(): value for name, value in self.headers.items()}
        fault = self.server.hub.faults.draw(self.command, self.path) or _NO_FAULT
        self.server.closing.wait(fault.seconds)
        answer = self._true_answer(headers, body) if fault.processed else Answer()
        if fault.status:
            answer = json_answer({"error": fault.name}, fault.status, dict(fault.headers))
        self._log(headers, fault, answer)
        if fault.ending == "reset":
            self._reset()
        else:
            self._send(answer, whole=fault.ending is None)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def _body(self) -> Iterator[bytes]:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            yield self._exactly(int(self.headers.get("Content-Length", 0)))
            return
        # No line at all is the end of the connection, and no size that could be read.
        while size := int(self.rfile.readline().split(b";")[0] or b"-1", 16):
            yield self._exactly(size)
            self.rfile.readline()
        self.rfile.readline()

    def _exactly(self, size: int) -> bytes:
        """Read so many bytes; a client that died while it sent them must have no effect."""
        content = self.rfile.read(max(size, 0))
        if len(content) != size:
            raise ConnectionError("the client hung up in the middle of its request")
        return content

    def _true_answer(self, headers: dict[str, str], body: bytes) -> Answer:
        try:
            return dispatch(_ROUTES, self.server.hub, self.command, self.path, headers, body)
        except Exception as error:
            self.server.failures.append(error)
            return json_answer({"error": f"the test Hub failed: {error!r}"}, 500)

    def _log(self, headers: dict[str, str], fault: Fault, answer: Answer) -> None:
        """Log before answering: a client that has its answer finds its request in the log."""
        hub, place = self.server.hub, urlsplit(self.path)
        status = None if fault.ending == "reset" else answer.status
        name = None if fault is _NO_FAULT else fault.name
        user = hub.accounts.find(headers)
        who = user.name if user else None
        hub.log.append(Request(self.command, place.path, place.query, status, who, name))

    def _send(self, answer: Answer, *, whole: bool) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body if whole else answer.body[: len(answer.body) // 2])
        self.close_connection = self.close_connection or not whole

    def _reset(self) -> None:
        """Close the socket so that the kernel sends RST: no bytes, no orderly end."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        socket.close(self.connection.detach())

    def log_message(self, *_: Any) -> None:
        """Print nothing."""
