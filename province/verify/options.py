"""The options of a verification run."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.verify.connection import TRANSPORTS
from province.verify.evidence import ROUTINE

WORTH = 40
"""Hosts from which on a second process saves more than parting and coming together takes."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a run."""
    group = parser.getgroup("province", "verification of hosts")
    group.addoption("--environment", default="lab", help="folder under inventories/ (default: lab)")
    group.addoption(
        "--select",
        action="append",
        default=[],
        metavar="WORD",
        help="hosts: name, class, site, commune, body or wave:N; may be repeated (default: all)",
    )
    group.addoption(
        "--evidence",
        type=Path,
        metavar="PATH",
        help="folder, or file ending in .jsonl (default: .province/ENVIRONMENT/evidence)",
    )
    group.addoption("--retention", default=ROUTINE, metavar="CLASS", help="how long the evidence is kept (routine)")
    group.addoption(
        "--transport",
        choices=TRANSPORTS,
        default=TRANSPORTS[0],
        help="how hosts are reached: all questions in one round trip (default), or one by one",
    )
    group.addoption(
        "--client",
        type=Path,
        metavar="PATH",
        help="configuration of the ssh client (default: ssh_config in the environment's folder)",
    )
    group.addoption(
        "--commands",
        type=Path,
        metavar="PATH",
        help="file with the commands that hosts are going to be asked (default: .province/ENVIRONMENT/commands.json)",
    )
    group.addoption(
        "--second-process-from",
        type=int,
        default=WORTH,
        metavar="HOSTS",
        help=f"how many hosts it takes for two processes to share the checks (default: {WORTH})",
    )
