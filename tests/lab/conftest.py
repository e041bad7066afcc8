"""Tests on the running lab. They are started inside its network: `province lab run -- pytest tests/lab`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

PATIENCE = 60.0

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def province() -> Command:
    """Run the command `province` and return how it ended."""

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "province", *words], capture_output=True, text=True, check=False, cwd=CHECKOUT
        )

    return call


@pytest.fixture(scope="session")
def ansible() -> Command:
    """Run a playbook against the lab and return how it ended."""

    def call(playbook: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["ansible-playbook", "-i", "inventories/lab", f"ansible/playbooks/{playbook}.yml", *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=CHECKOUT,
        )

    return call


def parsed(done: subprocess.CompletedProcess[str]) -> Any:
    """The JSON that a verb printed."""
    return json.loads(done.stdout)


def wait_until(holds: Callable[[], bool], what: str, *, within_s: float = PATIENCE) -> None:
    """Wait for a condition; the test fails, and says for what it waited, if nobody would wait any longer."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.2)
