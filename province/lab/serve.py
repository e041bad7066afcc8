"""The lab's file server: packages and images over HTTP on one address, until the lab is taken down.

`python -m province.lab.serve --lab ID --root FOLDER --address ADDRESS --port PORT`
"""

from __future__ import annotations

import argparse
import functools
import http.server
import sys
from collections.abc import Sequence
from pathlib import Path


class Files(http.server.SimpleHTTPRequestHandler):
    """Answers for files alone: no listing of folders, connections kept open as apt expects."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def list_directory(self, path: object) -> None:  # noqa: ARG002 - the signature is the library's
        """Refuse: who asks for a folder has the address wrong."""
        self.send_error(404, "no such file")


class Server(http.server.ThreadingHTTPServer):
    """One thread per connection; a whole province may knock at the same moment."""

    request_queue_size = 512


def main(arguments: Sequence[str]) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lab", required=True, help="the lab this process belongs to")
    parser.add_argument("--root", required=True, type=Path)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", required=True, type=int)
    chosen = parser.parse_args(arguments)
    handler = functools.partial(Files, directory=str(chosen.root))
    Server((chosen.address, chosen.port), handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
