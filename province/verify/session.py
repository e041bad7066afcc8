"""One verification run: its hosts, what they answered, and how the end of each check is judged and filed."""

from __future__ import annotations

import getpass
import re
import secrets
import socket
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.verify.evidence import End, EvidenceFile, Record, Run, file_name
from province.verify.outcome import Outcome
from province.verify.reach import Answer, ask_all
from province.verify.waivers import Waiver, find_waiver, read_waivers

CHECKOUT = Path(__file__).resolve().parents[2]
MESSAGE_LINES = 12
MESSAGE_CHARACTERS = 1200
ADVICE = re.compile(r"\b[Uu]se '?-vv?'? to ")


@dataclass(frozen=True)
class Check:
    """One test on one host, as the evidence names it."""

    host: Host
    test: str
    title: str
    subject: str
    controls: tuple[int, ...]


class Verification:
    """Everything that a run knows; the pytest plugin asks it and tells it, and has no opinions of its own."""

    def __init__(self, fleet: Fleet, hosts: tuple[Host, ...], evidence: Path | None) -> None:
        self.fleet = fleet
        self.hosts = hosts
        self.ssh_config = ssh_config(fleet)
        self.waivers = _waivers(fleet)
        self.counts: Counter[Outcome] = Counter()
        self._run = secrets.token_hex(4)
        self._where = evidence or evidence_folder(fleet.environment.id)
        self._answers: dict[str, Answer] = {}
        self._file: EvidenceFile | None = None
        self._last_host = ""
        self._commit = commit(CHECKOUT)
        self._verifier = f"{getpass.getuser()}@{socket.gethostname()}"

    @property
    def evidence(self) -> Path | None:
        """Where this run's evidence is, once it has begun."""
        return self._file.path if self._file else None

    @property
    def unreachable(self) -> dict[str, str]:
        """The hosts that did not answer, and why."""
        return {name: one.silence for name, one in self._answers.items() if not one.reachable}

    def begin(self, names: Iterable[str], *, whole: bool) -> None:
        """Ask the hosts that have checks whether they are there, and open the evidence.

        `whole`: every check that exists for them is going to run.
        """
        wanted = sorted(set(names))
        self._answers = ask_all(wanted, self.ssh_config)
        started = datetime.now(UTC)
        path = self._where
        if path.suffix != ".jsonl":
            path /= file_name(started, self._run)
        run = Run(
            run=self._run,
            environment=self.fleet.environment.id,
            started=started,
            commit=self._commit,
            verifier=self._verifier,
            hosts=tuple(wanted),
            whole=whole,
        )
        self._file = EvidenceFile(path, run)

    def silence(self, host: str) -> str:
        """Why the host does not answer; empty while it does."""
        return self._answers[host].silence

    def lost(self, host: str, why: str) -> None:
        """The host answered before and does not any more: what is left of its checks need not wait for it."""
        if self._answers[host].reachable:
            self._answers[host] = Answer(silence=why)

    def waived(self, check: Check, message: str) -> tuple[Outcome, str]:
        """A failed check's outcome and message in the light of the waivers."""
        waiver = find_waiver(self.waivers, check.host, check.test, check.controls)
        return judge(waiver, message, datetime.now(UTC))

    def record(self, check: Check, outcome: Outcome, message: str, seconds: float) -> None:
        """File the end of one check; a host's records are on the disk before the next host begins."""
        if self._file is None:
            raise RuntimeError("a check ended before the run began")
        if self._last_host not in {"", check.host.name}:
            self._file.sync()
        self._last_host = check.host.name
        self.counts[outcome] += 1
        answer = self._answers[check.host.name]
        self._file.add(
            Record(
                run=self._run,
                time=datetime.now(UTC),
                host=check.host.name,
                commune=check.host.commune,
                body=check.host.body and str(check.host.body),
                site=check.host.site,
                test=check.test,
                title=check.title,
                subject=check.subject,
                controls=check.controls,
                outcome=outcome,
                message=shortened(message),
                seconds=round(seconds, 3),
                boot=answer.boot,
                manifest=answer.manifest,
                commit=self._commit,
                verifier=self._verifier,
            )
        )

    def finish(self, exit_code: int) -> None:
        """Close the evidence."""
        if self._file is not None:
            end = End(run=self._run, time=datetime.now(UTC), checks=self._file.checks, exit_code=exit_code)
            self._file.close(end)


VERIFICATION = pytest.StashKey[Verification]()
"""Where pytest keeps the run."""


def judge(waiver: Waiver | None, message: str, now: datetime) -> tuple[Outcome, str]:
    """What a failed check amounts to: a valid waiver turns it, one that has run out says so."""
    if waiver is None:
        return Outcome.FAIL, message
    if waiver.expired(now.date()):
        return Outcome.FAIL, f"waiver expired on {waiver.expires} (owner: {waiver.owner})\n{message}"
    why = f"{waiver.reason}; instead: {waiver.compensation} (owner: {waiver.owner}, until {waiver.expires})"
    return Outcome.WAIVED, f"{why}\n{message}"


def shortened(message: str) -> str:
    """As much of a message as fits a report; what was cut is said, advice on pytest's options is left out."""
    lines = [line for line in message.strip().splitlines() if not ADVICE.search(line)]
    kept = "\n".join(lines[:MESSAGE_LINES])
    cut = len(lines) > MESSAGE_LINES or len(kept) > MESSAGE_CHARACTERS
    return kept[:MESSAGE_CHARACTERS] + (" …" if cut else "")


def ssh_config(fleet: Fleet) -> Path:
    """The environment's OpenSSH configuration; ProvinceError when nobody has written it yet."""
    path = fleet.root / fleet.environment.id / "ssh_config"
    if not path.is_file():
        raise ProvinceError(
            f"{path} is missing: no host of environment {fleet.environment.id!r} can be reached",
            hint="the lab writes it: `province lab up`; elsewhere it is part of the environment's set-up",
            exit_code=ExitCode.MACHINE,
        )
    return path


def evidence_folder(environment: str) -> Path:
    """Where an environment's evidence is kept."""
    return CHECKOUT / ".province" / environment / "evidence"


def commit(checkout: Path) -> str:
    """The commit that is checked out, with `+changes` when files differ from it; `unknown` outside git."""
    try:
        head = _git(checkout, "rev-parse", "HEAD")
        return f"{head}+changes" if _git(checkout, "status", "--porcelain") else head
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(checkout: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(checkout), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _waivers(fleet: Fleet) -> tuple[Waiver, ...]:
    path = fleet.root / fleet.environment.id / "waivers.yml"
    return read_waivers(path, f"{fleet.root.name}/{fleet.environment.id}/{path.name}")
