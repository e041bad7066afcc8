"""A person at a desk of the lab: a short-lived certificate, a password or a code, and OpenSSH's own client."""

from __future__ import annotations

import base64
import hmac
import os
import struct
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from province.lab.state import Place

CHECKOUT = Path(__file__).resolve().parents[2]
CONFIG = CHECKOUT / "inventories" / "lab" / "ssh_config"
STEP_SECONDS = 30
PATIENCE_SECONDS = 60
AUTOMATION_S_OWN = (
    "IdentityFile",
    "CertificateFile",
    "User ",
    "ControlMaster",
    "ControlPath",
    "Password",
    "KbdInteractive",
)
"""Settings of the environment's client configuration that are not a person's."""

Done = subprocess.CompletedProcess[str]


def code(secret: str, ahead: int = 0) -> str:
    """The six digits of a secret (RFC 6238, SHA-1); `ahead` steps of thirty seconds from now."""
    step = struct.pack(">Q", int(time.time()) // STEP_SECONDS + ahead)
    digest = hmac.new(base64.b32decode(secret + "=" * (-len(secret) % 8)), step, "sha1").digest()
    place = digest[-1] & 0x0F
    return f"{(struct.unpack('>I', digest[place : place + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"


@dataclass(frozen=True)
class Person:
    """Somebody with a key of an own and a certificate for the account `name`, valid for ten minutes."""

    name: str
    folder: Path

    @classmethod
    def admitted(cls, name: str, folder: Path) -> Person:
        """Make the key and let the lab's authority sign it."""
        key = folder / name
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        authority = Place(CHECKOUT).ssh / "user_ca"
        _run("ssh-keygen", "-q", "-s", str(authority), "-I", name, "-n", name, "-V", "-1m:+10m", f"{key}.pub")
        lines = (Place(CHECKOUT).ssh / "config").read_text(encoding="utf-8").splitlines(keepends=True)
        kept = "".join(line for line in lines if not line.strip().startswith(AUTOMATION_S_OWN))
        (folder / "config").write_text(kept, encoding="utf-8")
        return cls(name, folder)

    def ssh(self, host: str, command: str, *, account: str = "", answer: str = "", through: str = "") -> Done:
        """Run a command on a host; `answer` is what the person types when asked; `through` is a bastion's name."""
        jump = [f"-oProxyCommand={' '.join(self._words(through, options=['-W', '%h:%p']))}"] if through else []
        words = self._words(host, account or self.name, jump)
        return subprocess.run(
            [*words, command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
            env={**os.environ, **self._answers(answer)},
        )

    def _words(self, host: str, account: str = "", options: Sequence[str] = ()) -> list[str]:
        key = self.folder / self.name
        identity = ["-i", str(key), f"-oCertificateFile={key}-cert.pub", "-oIdentitiesOnly=yes"]
        asked = [f"-o{way}Authentication=yes" for way in ("KbdInteractive", "Password")]
        own = [*identity, *asked, "-oNumberOfPasswordPrompts=1", "-l", account or self.name]
        return ["ssh", *own, *options, "-F", str(self.folder / "config"), host]

    def _answers(self, answer: str) -> dict[str, str]:
        """The environment in which ssh asks a program instead of a terminal."""
        program = self.folder / "answer"
        program.write_text('#!/bin/sh\nprintf "%s\\n" "$ANSWER"\n')
        program.chmod(0o700)
        return {"SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force", "ANSWER": answer}


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
