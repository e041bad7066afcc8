"""Runs as a page in a browser on this machine: read only, told of every new line while a run is under way.

Nothing leaves the machine: it listens on the loopback address, answers only requests that name it, and loads nothing
from elsewhere.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from province.errors import ProvinceError
from province.rollout import journal
from province.rollout.journal import FILE
from province.rollout.view import as_json

LOOPBACK = "127.0.0.1"
NAMES = (LOOPBACK, "localhost")
PAGES = Path(__file__).resolve().parents[2] / "templates" / "reports" / "runs"
FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:"
LOOK_EVERY = 0.5
PING_EVERY = 15.0
"""Seconds without news after which a browser hears that we are still there."""
SHOWN = 50
"""The newest runs are on the page; `province runs` has all of them."""


class RunsServer(ThreadingHTTPServer):
    """Serves the runs of one environment until `stop`."""

    daemon_threads = True

    def __init__(self, runs: Path, port: int = 0) -> None:
        super().__init__((LOOPBACK, port), Handler)
        self.runs = runs
        self.ending = Event()

    @cached_property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{LOOPBACK}:{self.server_address[1]}/"

    def stop(self) -> None:
        """End every answer, and the server."""
        self.ending.set()
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: RunsServer
    server_version, sys_version = "province", ""

    def do_GET(self) -> None:
        """Answer with a page, with all runs as JSON, or with events."""
        path = urlsplit(self.path).path
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in NAMES:  # a name that somebody made point here (DNS rebinding)
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
        elif path in FILES:
            name, kind = FILES[path]
            self._answer((PAGES / name).read_bytes(), kind)
        elif path == "/runs.json":
            self._answer(told(self.server.runs).encode(), "application/json")
        elif path == "/events":
            self._events()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the terminal belongs to the operator."""

    def _head(self, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")

    def _answer(self, body: bytes, kind: str) -> None:
        self._head(kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _events(self) -> None:
        """Send all runs whenever a journal has grown (server-sent events, HTML standard, 9.2)."""
        self._head("text/event-stream")
        self.end_headers()
        before, spoken = None, 0.0
        try:
            while not self.server.ending.wait(0 if before is None else LOOK_EVERY):
                now = sizes(self.server.runs)
                if now != before:
                    self._send(f"event: runs\ndata: {told(self.server.runs)}\n\n")
                    before, spoken = now, time.monotonic()
                elif time.monotonic() - spoken > PING_EVERY:
                    self._send(": still here\n\n")
                    spoken = time.monotonic()
        except (BrokenPipeError, ConnectionResetError):
            return

    def _send(self, text: str) -> None:
        self.wfile.write(text.encode())
        self.wfile.flush()


def sizes(runs: Path) -> dict[str, int]:
    """How long each journal is: they only grow."""
    return {str(path): path.stat().st_size for path in runs.glob(f"*/{FILE}")}


def told(runs: Path) -> str:
    """The newest runs as one line of JSON, the newest first; a journal that cannot be read says so in its place."""
    newest = journal.folders(runs)[: -SHOWN - 1 : -1]
    return json.dumps([_told(folder) for folder in newest], ensure_ascii=False)


def _told(folder: Path) -> dict[str, Any]:
    try:
        return as_json(journal.read_run(folder))
    except ProvinceError as error:
        return {"run": folder.name, "state": "unreadable", "why": str(error), "counts": {}, "batches": [], "hosts": {}}


def serve(runs: Path, port: int, said: Callable[[str], None]) -> None:
    """Serve until the operator interrupts.

    Raises ProvinceError when the port is taken.
    """
    try:
        server = RunsServer(runs, port)
    except OSError as error:
        raise ProvinceError(f"port {port}: {error.strerror}", hint="choose another one with --port") from None
    said(server.address)
    try:
        server.serve_forever(poll_interval=LOOK_EVERY)
    except KeyboardInterrupt:
        server.ending.set()
        server.server_close()
