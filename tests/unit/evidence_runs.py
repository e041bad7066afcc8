"""Runs of a year as a verification leaves them, and who signs them."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from province.verify.evidence import End, EvidenceFile, Record, Run, file_name
from province.verify.ledger import seal
from province.verify.outcome import Outcome
from province.verify.signature import Signer

START = datetime(2026, 1, 1, 3, tzinfo=UTC)
HOSTS = ("phu-quoc-party", "phu-quoc-people")


def identity(folder: Path, authority: str, name: str = "ops") -> Signer:
    """A key with a certificate of an authority that is made where there is none."""
    for key in (authority, name):
        if not (folder / key).exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
    words = ["-s", str(folder / authority), "-I", name, "-n", name, "-V", "20260101:20281231", f"{folder / name}.pub"]
    subprocess.run(["ssh-keygen", "-q", *words], check=True)
    return Signer(folder / f"{name}-cert.pub", name)


def write_run(
    folder: Path, day: int, signer: Signer | None, *, end: bool = True, outcome: Outcome = Outcome.PASS
) -> Path:
    started = START + timedelta(days=day)
    run = Run(
        run=f"run{day:04}",
        environment="lab",
        started=started,
        commit="abc",
        verifier="ops@desk",
        hosts=HOSTS,
    )
    file = EvidenceFile(folder / file_name(started, run.run), run)
    for host in HOSTS:
        for number in range(4):
            file.add(
                Record(
                    run=run.run,
                    time=started,
                    host=host,
                    test=f"ssh::check_{number}",
                    subject="ssh",
                    controls=(25 + number,),
                    outcome=outcome,
                    seen="no",
                    expected="no",
                    commit="abc",
                    verifier="ops@desk",
                )
            )
    if end:
        file.close(End(run=run.run, time=started, checks=file.checks, exit_code=0))
        seal(file.path, signer, started + timedelta(minutes=5))
    return file.path
