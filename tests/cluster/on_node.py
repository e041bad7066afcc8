"""Asks a node of a cluster to open connections from inside its pods (`packets`)."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import packets

SCRIPT = Path(packets.__file__).read_text(encoding="utf-8")
LONGEST_S = 60


def start(node: str, task: dict[str, Any]) -> subprocess.Popen[str]:
    """Start what `packets` does with a task."""
    words = ["ssh", node, "--", "sudo", "python3", "-c", shlex.quote(SCRIPT), shlex.quote(json.dumps(task))]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def answers(node: str, questions: Sequence[dict[str, Any]], first: Sequence[str] = ()) -> list[str]:
    """What comes of each connection, in the order of the questions; `first` is a command to run just before."""
    process = start(node, {"questions": list(questions), "first": list(first)})
    out, errors = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, errors
    found: list[str] = json.loads(out)
    return found
