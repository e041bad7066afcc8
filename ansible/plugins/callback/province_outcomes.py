"""What became of each host of a play, one line of JSON each, for the controller of a roll-out."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: province_outcomes
type: aggregate
short_description: One outcome for each host, in a file
description:
  - Appends to the file that the environment variable C(PROVINCE_OUTCOMES) names; does nothing without it.
  - A host that a survey found as declared is C(ok) at once; one that failed or is out of reach is told of when it is
    known; any other when its transaction is over, or at the end of the playbook.
requirements:
  - enable in configuration, or by C(ANSIBLE_CALLBACKS_ENABLED)
"""

FILE = "PROVINCE_OUTCOMES"
SURVEY, TRANSACTION = "province_survey", "province_node"


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Writes each host once; a line is on the disk before the playbook goes on."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "province_outcomes"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._path = os.environ.get(FILE, "")
        self.disabled = not self._path
        self._told: set[str] = set()

    def v2_runner_on_ok(self, result: Any) -> None:
        """A survey tells of the hosts whose turn is left out; a transaction is all that is done to a host."""
        if result.task.action == SURVEY:
            for host in result.result["held"]:
                self._tell(host, "ok")
        elif result.task.action == TRANSACTION:
            changes = result.result.get("changes", [])
            self._tell(result.host.get_name(), "changed" if changes else "ok", "; ".join(changes))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A host failed; a survey that fails ends the play before any host was touched."""
        if not ignore_errors and result.task.action != SURVEY:
            self._tell(result.host.get_name(), "failed", str(result.result.get("msg", "")))

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host is out of reach."""
        self._tell(result.host.get_name(), "unreachable", str(result.result.get("msg", "")))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Hosts that nothing was told of by the end had nothing to do; without an `ok` of theirs nothing is known."""
        for host in sorted(stats.processed):
            summary = stats.summarize(host)
            if summary["ok"] and not summary["failures"] and not summary["unreachable"]:
                self._tell(host, "changed" if summary["changed"] else "ok")

    def _tell(self, host: str, result: str, said: str = "") -> None:
        if host in self._told:
            return
        self._told.add(host)
        line = json.dumps({"host": host, "result": result, "said": said}, ensure_ascii=False)
        with open(self._path, "a", encoding="utf-8") as file:  # noqa: PTH123 - one system call, appended whole
            file.write(f"{line}\n")
            file.flush()
            os.fsync(file.fileno())
