"""Seeds, and what bare boxes claim after their first boot from one, by the program that boxes run."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from province.pki import ssh_host
from province.seed.make import make
from province.verify.signature import signer_of
from tests.unit.node_in_folder import node_side

from .boxes import Desk

first_boot: Any = node_side("first_boot")
first_clock: Any = node_side("first_clock")
first_keys: Any = node_side("first_keys")
NODE, OTHER = "phu-quoc-party", "phu-quoc-people"
ACCOUNTS = ("passwd", "group", "shadow", "gshadow")


def seed(desk: Desk, name: str = NODE, *, days_ago: int = 0, to: str = "stick", signed: bool = True) -> Path:
    signer = signer_of(desk.fleet.root / "lab" / "ssh_config") if signed else None
    now = datetime.now(UTC) - timedelta(days=days_ago)
    return make(desk.fleet, desk.fleet.hosts[name], desk.folder / to, reason="test", now=now, signer=signer).folder


def bare(root: Path) -> Any:
    (root / "etc").mkdir(parents=True)
    for name in ACCOUNTS:
        (root / "etc" / name).write_text("root:x:0:0:root:/root:/bin/bash\n", encoding="utf-8")
    return first_keys.Box(str(root))


def claim_of(root: Path, stick: Path) -> str:
    """The claim of a new box after its first boot from a stick."""
    box = bare(root)
    first_boot.begin(box, stick)
    first_boot.go(box)
    return str(box.read(first_boot.CLAIM))


def signed_by(token: Path, claim: dict[str, Any]) -> str:
    """A claim that somebody made up, signed by a key."""
    text = json.dumps(claim)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(token), "-n", "province-claim"]
    signature = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout.decode()
    return json.dumps({"claim": text, "signature": signature})


def ssh_of(text: str) -> str:
    shown = json.loads(json.loads(text)["claim"])["public"][f"{first_boot.SSH_KEY}.pub"]
    return ssh_host.public_key(shown)
