"""A file server on this machine that can misbehave, for tests of downloads."""

import base64
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """Serves `files` by path. The other fields are what goes wrong.

    ranges: whether it knows them; wrong_range: sends another than it was asked for. cuts: of each answer in turn, after
    how many bytes the connection is closed. stalls: likewise, seconds of silence in the middle. refusals: status codes of
    the next answers. redirects: path to URL. password: "name:word" that is asked for. lengths: whether it says them.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    wrong_range: bool = False
    cuts: list[int] = field(default_factory=list)
    stalls: list[float] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    password: str = ""
    lengths: bool = True
    url: str = ""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def asked(self) -> list[str | None]:
        """The ranges of the requests so far."""
        return [headers.get("Range") for _, headers in self.requests]


@contextmanager
def file_server() -> Iterator[FileServer]:
    """A running server; `url` is its root, without a slash at the end."""
    state = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            state.requests.append((self.path, dict(self.headers)))
            token = base64.b64encode(state.password.encode()).decode()
            if state.password and self.headers.get("Authorization") != f"Basic {token}":
                return self.send_error(401)
            if state.refusals:
                return self.send_error(state.refusals.pop(0))
            if path in state.redirects:
                self.send_response(302)
                self.send_header("Location", state.redirects[path])
                self.send_header("Content-Length", "0")
                return self.end_headers()
            if path not in state.files:
                return self.send_error(404)
            return self._send(state.files[path])

        def _send(self, data: bytes) -> None:
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            first = int(asked[1]) if asked and state.ranges else 0
            if first and first >= len(data):
                return self.send_error(416)
            self.send_response(206 if asked and state.ranges else 200)
            if asked and state.ranges:
                first += state.wrong_range
                self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
            body = data[first:]
            if state.lengths:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            cut = state.cuts.pop(0) if state.cuts else len(body)
            if state.stalls:
                self.wfile.write(body[: cut // 2])
                self.wfile.flush()
                time.sleep(state.stalls.pop(0))
                self.wfile.write(body[cut // 2 : cut])
            else:
                self.wfile.write(body[:cut])
            self.close_connection = True
            return None

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # clients that hang up

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_port}"
        yield state
        server.shutdown()
        thread.join()
