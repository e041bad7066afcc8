"""The end of the host: without a word, with all its children, as soon as the engine wants it or is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import NoReturn


class Lifeline:
    """Ties this process to its engine and the plugin processes to this one."""

    def __init__(self) -> None:
        self._children: set[subprocess.Popen[bytes]] = set()

    def hold(self) -> None:
        """Leave from now on at SIGINT, SIGTERM and SIGHUP, and when the engine is gone.

        The engine keeps our standard input open and never writes to it, so its end means that the engine is
        gone, even by SIGKILL.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.leave())
        threading.Thread(target=self._watch_engine, daemon=True).start()

    def adopt(self, child: subprocess.Popen[bytes]) -> None:
        """Let `child` die with this process."""
        self._children.add(child)

    def release(self, child: subprocess.Popen[bytes]) -> None:
        """Forget a child that has ended."""
        self._children.discard(child)

    def leave(self) -> NoReturn:
        """End this process at once. The engine has told the user why, so nothing may be printed."""
        for child in list(self._children):
            child.kill()
        os._exit(0)

    def _watch_engine(self) -> None:
        os.read(sys.stdin.fileno(), 1)
        self.leave()
