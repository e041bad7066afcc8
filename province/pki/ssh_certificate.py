"""What a certificate of OpenSSH says, and how one for a person is signed anew by another authority."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from province.errors import ExitCode, ProvinceError

EARLIER = timedelta(hours=1)
"""Valid from before now, for clocks that differ."""
_SIGNER = re.compile(r"Signing CA: \S+ (SHA256:\S+)")
_IDENTITY = re.compile(r'Key ID: "([^"]*)"')
_VALID = re.compile(r"Valid: from (\S+) to (\S+)")
_NAMES = re.compile(r"Principals: *\n((?: {16}\S+\n)+)")


@dataclass(frozen=True)
class Said:
    """Who signed it (fingerprint), whom it is for, the names that it opens or shows, how long it lives."""

    signer: str
    identity: str
    names: tuple[str, ...]
    life: timedelta


def read(certificate: str) -> Said:
    """What `ssh-keygen -L` prints of it; ValueError for what is no certificate with an end."""
    done = subprocess.run(
        ["ssh-keygen", "-L", "-f", "-"], input=certificate, capture_output=True, text=True, check=False
    )
    found = [pattern.search(done.stdout) for pattern in (_SIGNER, _IDENTITY, _VALID, _NAMES)]
    signer, identity, valid, names = found
    if not (signer and identity and valid and names):
        raise ValueError("is no certificate of OpenSSH for named accounts with an end")
    begins, ends = (datetime.fromisoformat(one) for one in valid.groups())
    return Said(signer[1], identity[1], tuple(names[1].split()), ends - begins)


def renewed(authority: Path, public: str, old: Said) -> str:
    """A certificate of another authority, by its private key, for the same person, names and life.

    Raises ProvinceError when it cannot sign.
    """
    with TemporaryDirectory() as work:
        key = Path(work, "key.pub")
        key.write_text(public, encoding="utf-8")
        words = ["ssh-keygen", "-q", "-s", str(authority), "-I", old.identity, "-n", ",".join(old.names)]
        words += ["-V", f"-1h:+{int((old.life - EARLIER).total_seconds())}s", "-z", str(time.time_ns()), str(key)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ProvinceError(f"{authority} could not sign: {done.stderr.strip()}", exit_code=ExitCode.BAD_DATA)
        return Path(work, "key-cert.pub").read_text(encoding="utf-8")
