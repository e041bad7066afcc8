"""One verification run: its hosts, what they answered, and how the end of each check is judged and filed."""

from __future__ import annotations

import getpass
import random
import secrets
import socket
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import pytest

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.verify.batch import Answers, Book
from province.verify.check import Check
from province.verify.checkout import CHECKOUT, commit
from province.verify.connection import Way, ask_here
from province.verify.evidence import ROUTINE, End, EvidenceFile, Record, Run, file_name
from province.verify.expectations import Expectations, Expected
from province.verify.gather import gather
from province.verify.judgement import judge, shortened
from province.verify.ledger import Written, seal
from province.verify.observed import Looked, Observer
from province.verify.outcome import Outcome
from province.verify.reach import Answer, ask_all, digest, moved
from province.verify.signature import signer_of
from province.verify.transport import offered_banner
from province.verify.waivers import find_waiver, waivers_of

SAMPLED_CHECKS = 3
SAMPLE_TITLE = "What was gathered in one round trip is what the host says when it is asked again."
T = TypeVar("T")


class Verification:
    """Everything that a run knows; the pytest plugin asks it and tells it, and has no opinions of its own."""

    def __init__(
        self,
        fleet: Fleet,
        hosts: tuple[Host, ...],
        evidence: Path | None,
        *,
        transport: str,
        commands: Path | None = None,
        client: Path | None = None,
        retention: str = ROUTINE,
    ) -> None:
        self.fleet = fleet
        self.hosts = hosts
        self.observer = Observer()
        self.sealed: Written | None = None
        self._retention = retention
        self._expected: Expected | None = None
        self.way = Way(transport, client or ssh_config(fleet))
        self.way.refuse_many(hosts)
        self.waivers = waivers_of(fleet)
        self.counts: Counter[Outcome] = Counter()
        self._run = secrets.token_hex(4)
        self._where = evidence or evidence_folder(fleet.environment.id)
        self._answers: dict[str, Answer] = {}
        self._book = Book(commands or evidence_folder(fleet.environment.id).with_name("commands.json"))
        self._known: set[str] = set()
        """The hosts that have answered what checks ask, or were asked command by command."""
        self._ends: dict[tuple[str, str], Outcome] = {}
        self._moved: dict[str, str] = {}
        self._whole = False
        self._file: EvidenceFile | None = None
        self._last_host = ""
        self._commit = commit(CHECKOUT)
        self._verifier = f"{getpass.getuser()}@{socket.gethostname()}"

    @cached_property
    def expectations(self) -> Expectations:
        """What the model says about every host (ProvinceError when a trust anchor is missing)."""
        return Expectations.load(self.fleet)

    def expected(self, host: Host) -> Expected:
        """What must be true on a host; worked out once while the checks go host by host."""
        if self._expected is None or self._expected.host is not host:
            self._expected = self.expectations.of(host)
        return self._expected

    def _plan(self, host: Host) -> str | None:
        """The digest of what the model wants on a host; None where no trust anchors say what that is."""
        try:
            return self.expected(host).manifest.digest
        except ProvinceError:
            return None

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
        self._whole = whole
        self._answers = self._ask(wanted)
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
            retention=self._retention,
        )
        self._file = EvidenceFile(path, run)

    def _ask(self, names: list[str]) -> dict[str, Answer]:
        """Who every host is, or why it does not say; where answers are gathered, all that its checks want to know."""
        if self.way.gathers:
            self.way.answers = Answers()
            return self._gather(self._book.of(names))
        return {names[0]: ask_here()} if self.way.is_here else ask_all(names, self.way.ssh_config)

    def _gather(self, commands: Mapping[str, Sequence[str]]) -> dict[str, Answer]:
        """Ask hosts everything at once, and keep what they told."""
        begun = time.monotonic()
        gathered = gather(commands, self.way.ssh_config)
        snapshots = {name: one.snapshot for name, one in gathered.items() if one.snapshot}
        self._known.update(name for name, asked in commands.items() if asked)
        assert self.way.answers is not None  # noqa: S101 - only a run that gathers comes here
        self.way.answers.add(snapshots, time.monotonic() - begun)
        told = {name: Answer(one.boot, digest(one.after.text), banner=one.banner) for name, one in snapshots.items()}
        return {name: told.get(name) or Answer(silence=one.silence) for name, one in gathered.items()}

    def prepare(self, host: Host) -> None:
        """Before a host's checks: when it was never asked anything, ask it and its like what one of them was asked.

        So a first run on many hosts asks but one of each class command by command.
        """
        if self.way.answers is None or host.name in self._known:
            return
        classes = {one.name: one.host_class for one in self.hosts}
        asked = next((words for name, words in self.way.answers.asked.items() if classes[name] == host.host_class), {})
        like = [name for name, answer in self._answers.items() if classes[name] == host.host_class and answer.reachable]
        if asked and host.name in like:
            self._answers.update(self._gather({name: list(asked) for name in like if name not in self._known}))

    @property
    def samples(self) -> frozenset[str]:
        """The hosts of which some checks are made a second time, without what was gathered: one of each class."""
        classes: dict[str, list[str]] = {}
        for host in self.hosts:
            classes.setdefault(host.host_class, []).append(host.name)
        lot = random.Random(self._run)  # noqa: S311 - a sample, not a secret; the run's own name makes it repeatable
        return frozenset(lot.choice(names) for names in classes.values()) if self.way.gathers else frozenset()

    def sampled(self, tests: Sequence[T]) -> list[T]:
        """Those of a host's checks that are made a second time."""
        return random.Random(self._run).sample(tests, min(SAMPLED_CHECKS, len(tests)))  # noqa: S311 - as above

    def confirm(self, check: Check, outcome: Outcome, message: str, seconds: float, looked: Looked) -> None:
        """File whether a check that was made a second time, by asking the host itself, has ended as it did before.

        And whether it is still the host that was asked: by its boot id, and by what was applied to it.
        """
        name = check.host.name
        before = self._ends.get((name, check.test))
        if name not in self._moved:
            self._moved[name] = moved(self._answers[name], ask_all([name], self.way.ssh_config)[name])
        about = replace(check, test=f"transport::{check.test}", title=SAMPLE_TITLE, subject="transport", controls=())
        if Outcome.UNREACHABLE in {before, outcome}:
            self.record(about, Outcome.UNREACHABLE, message, seconds, looked)
        elif self._moved[name]:
            self.record(about, Outcome.FAIL, f"{self._moved[name]}\n{message}", seconds, looked)
        elif outcome is before:
            self.record(about, Outcome.PASS, "", seconds, looked)
        else:
            told = f"{before} by what was gathered, {outcome} by what the host says when it is asked again"
            self.record(about, Outcome.FAIL, f"{told}\n{message}", seconds, looked)

    def banner(self, host: str) -> str:
        """What the host says before it lets anybody in (RFC 4252, 5.4); Unreachable when it does not answer."""
        return self._answers[host].banner or offered_banner(host, self.way.ssh_config)

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

    def record(self, check: Check, outcome: Outcome, message: str, seconds: float, looked: Looked) -> None:
        """File the end of one check; a host's records are on the disk before the next host begins."""
        if self._file is None:
            raise RuntimeError("a check ended before the run began")
        if self._last_host not in {"", check.host.name}:
            self._file.sync()
        self._last_host = check.host.name
        self._known.add(check.host.name)
        self._ends[check.host.name, check.test] = outcome
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
                seen=looked.seen,
                expected=looked.expected,
                message=shortened(message),
                seconds=round(seconds, 3),
                boot=answer.boot,
                manifest=answer.manifest,
                plan=self._plan(check.host),
                commands=looked.commands,
                commit=self._commit,
                verifier=self._verifier,
            )
        )

    def file_into(self, file: EvidenceFile) -> None:
        """File elsewhere from here on: in the second process of a run."""
        self._file = file

    def take(self, records: Iterable[Record], lost: Mapping[str, str]) -> None:
        """File what a second process saw; hosts that fell silent there are silent here, too."""
        assert self._file is not None  # noqa: S101 - it was open before the processes parted
        for record in records:
            self.counts[record.outcome] += 1
            self._file.add(record)
        for host, why in lost.items():
            self.lost(host, why)

    def finish(self, exit_code: int) -> None:
        """Close the evidence, seal it, and note what every host was asked.

        ProvinceError when the ledger does not hold together.
        """
        if self.way.answers is not None and not self.unreachable:
            self._book.write(self.way.answers.asked, whole=self._whole)
        if self._file is not None:
            end = End(run=self._run, time=datetime.now(UTC), checks=self._file.checks, exit_code=exit_code)
            self._file.close(end)
            self.sealed = seal(self._file.path, signer_of(self.way.ssh_config), datetime.now(UTC))


VERIFICATION = pytest.StashKey[Verification]()
"""Where pytest keeps the run."""
NOT_SEALED = pytest.StashKey[str]()
"""Where it keeps why the evidence could not be sealed."""


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
