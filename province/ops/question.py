"""One command on a host and what it prints: how a host is asked what it knows of itself."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.ops.node_ssh import SSH_FAILED, SshContact
from province.verify.reach import AT_A_TIME

PATIENCE_S = 4 * 3600.0
"""For the longest: restoring, or thinning out, the copies of one node, a full queue over a slow disk."""

Ask = Callable[[str, Sequence[str], str], str]
"""Host, command and what it is given → what it printed. ConnectionError for a host out of reach."""


def over_ssh(fleet: Fleet) -> Ask:
    """Hosts as the environment's ssh_config knows them; ProvinceError when a command fails there."""

    def ask(host: str, words: Sequence[str], given: str) -> str:
        command = SshContact(fleet, host).words(shlex.join(words))
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        said = done.stderr.strip()
        if done.returncode == SSH_FAILED:
            raise ConnectionError(said.splitlines()[-1] if said else "ssh gave no reason")
        if done.returncode:
            raise ProvinceError(f"{host}: {said or f'exit code {done.returncode}'}")
        return done.stdout

    return ask


def answers(ask: Ask, hosts: Sequence[str], words: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What a command prints as JSON on each host, some at a time; why not under `unreachable` or `trouble`."""

    def one(host: str) -> dict[str, Any]:
        try:
            return dict(json.loads(ask(host, words, "")))
        except ConnectionError as error:
            return {"unreachable": str(error)}
        except (ProvinceError, ValueError) as error:
            return {"trouble": str(error)}

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return dict(zip(hosts, pool.map(one, hosts), strict=True))
