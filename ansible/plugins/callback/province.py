"""Ansible's own output, in which hosts that a survey found as declared count as what they are: in order."""

from __future__ import annotations

from typing import Any

from ansible.plugins.callback.default import CallbackModule as Default

DOCUMENTATION = """
name: province
type: stdout
short_description: The default output, with hosts whose turn was left out in its recap
description:
  - C(province_survey) names the hosts that are as declared already; no task is run for them.
  - They stand in the recap like all others, so that it names every host of a run.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""

SURVEY = "province_survey"


class CallbackModule(Default):  # type: ignore[misc]
    """Prints what `default` prints."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "province"

    def __init__(self) -> None:
        super().__init__()
        self._held: dict[str, None] = {}

    def v2_runner_on_ok(self, result: Any) -> None:
        """Say how many hosts are as declared."""
        super().v2_runner_on_ok(result)
        if result.task.action == SURVEY:
            held = result.result["held"]
            self._held |= dict.fromkeys(held)
            self._display.display(f"as declared: {len(held)} hosts")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Name hosts in the recap of which a survey is all that was needed."""
        for name in self._held:
            stats.increment("ok", name)
        super().v2_playbook_on_stats(stats)
