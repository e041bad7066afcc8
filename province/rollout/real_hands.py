"""The hands of a run on real hosts: Ansible applies, testinfra verifies, a host says itself who changed it last."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.ops import node_talk
from province.ops.node_ssh import SshContact
from province.ops.node_wire import Contact, NodeTrouble, ask, request
from province.ops.workplace import COLOURS, TAIL_LINES, Workplace
from province.rollout.conduct import Seen, Told
from province.rollout.entries import Back, Begun, Result, Wish
from province.rollout.requests import Request
from province.verify.evidence import Record, read_evidence
from province.verify.outcome import Outcome, worst
from province.verify.reach import AT_A_TIME
from province.verify.run import verify

CONFIRM_SECONDS = 300
LOOK_EVERY = 0.3
"""Seconds between two looks at what a running playbook has told of its hosts."""

OUTCOMES, CALLBACK = "PROVINCE_OUTCOMES", "province_outcomes"
VERDICTS = {
    Outcome.PASS: Result.OK,
    Outcome.WAIVED: Result.OK,
    Outcome.FAIL: Result.FAILED,
    Outcome.UNKNOWN: Result.FAILED,
    Outcome.UNREACHABLE: Result.UNREACHABLE,
}
"""What a host's worst check makes of it: a fact that could not be read is not proven, so it counts as failed."""


def mark(run: str) -> str:
    """How a host's own record names the run that changed it."""
    return f"[run {run}]"


def mark_of_return(run: str) -> str:
    """How a host's own record names the run that took its change back."""
    return f"[back {run}]"


@dataclass
class RealHands:
    """One run of one environment. `lock` is an open file that playbooks hold, too: they outlive a dead controller."""

    work: Workplace
    fleet: Fleet
    begun: Begun
    folder: Path
    lock: int
    contact: Callable[[Fleet, str], Contact] = SshContact
    _request: Request = field(init=False)

    def __post_init__(self) -> None:
        self._request = Request(self.folder)

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def asked(self) -> tuple[Wish, str] | None:
        """What the request file asks for."""
        return self._request.take()

    def soak(self, seconds: int) -> bool:
        """Wait, with an eye on the request file."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._request.there:
                return False
            time.sleep(min(LOOK_EVERY, left))
        return True

    def apply(self, batch: int, hosts: Sequence[str], told: Told) -> None:
        """Run the playbook over hosts; what one that outlived its controller has told already counts.

        Raises ProvinceError when the playbook ended before every host had its turn: then the run can be resumed.
        """
        told_of = Outcomes(self.folder / f"batch-{batch}.outcomes.jsonl", hosts, told)
        told_of.take()
        if not told_of.left:
            return
        told_of.mend()
        log = self.folder / f"batch-{batch}.log"
        code = self._play(self._words(batch, told_of), log, told_of)
        if told_of.left:
            raise ProvinceError(
                f"ansible-playbook ended with exit code {code} before {len(told_of.left)} hosts had their turn: "
                f"{' '.join(told_of.left)}\n{_tail(log)}",
                hint="mend it, then `province apply --resume`; or `province runs abort`, and what is not proven goes "
                f"back\n  everything it printed: {log}",
            )

    def verify(self, batch: int, hosts: Sequence[str]) -> dict[str, Seen]:
        """Run every check of these hosts.

        Raises ProvinceError when verification itself broke: that says nothing about hosts, and the run can be resumed.
        """
        log = self.folder / f"batch-{batch}.verify.log"
        with log.open("a", encoding="utf-8") as output:
            done = verify(self.work.environment, hosts, enter=self.work.words([]), output=output)
        seen = verdicts(read_evidence(done.evidence).records, str(done.evidence)) if done.evidence else {}
        if missing := [host for host in hosts if host not in seen]:
            raise ProvinceError(
                f"verification ended with exit code {int(done.exit_code)} and said nothing of {' '.join(missing)}\n"
                f"{_tail(log)}",
                hint=f"mend it, then `province apply --resume`\n  everything it printed: {log}",
                exit_code=done.exit_code or ExitCode.FAILED,
            )
        return {host: seen[host] for host in hosts}

    def put_back(self, hosts: Sequence[str], told: Callable[[str, Back, str], None]) -> None:
        """Bring hosts back whose last change is this run's, some at a time."""
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            asked = {pool.submit(self._put_back, host): host for host in hosts}
            for one in as_completed(asked):
                told(asked[one], *one.result())

    def _put_back(self, host: str) -> tuple[Back, str]:
        contact = self.contact(self.fleet, host)
        try:
            status = ask(contact, request("status"))
            if found := nothing_to_take_back(status, self.begun.run):
                return found
            reason = f"{self.begun.reason} {mark_of_return(self.begun.run)}"
            answer = node_talk.roll_back(contact, None, reason, CONFIRM_SECONDS)
        except NodeTrouble as trouble:
            return Back.FAILED, str(trouble)
        except ConnectionError as error:
            return Back.UNREACHABLE, str(error)
        return Back.BACK, str(answer.get("put_back") or f"to what generation {answer['to']} was")

    def _words(self, batch: int, outcomes: Outcomes) -> list[str]:
        """The playbook, as a person would type it; hosts and variables in files, because they may be many."""
        chosen = self.folder / f"batch-{batch}.hosts"
        chosen.write_text("".join(f"{host}\n" for host in outcomes.left), encoding="utf-8")
        variables = self.folder / f"batch-{batch}.variables.json"
        reason = " ".join(filter(None, (self.begun.ticket, self.begun.reason, mark(self.begun.run))))
        planned = {host: self.begun.digests[host] for host in outcomes.left}
        variables.write_text(json.dumps({"reason": reason, "planned_digests": planned}, indent=2), encoding="utf-8")
        words = ["ansible-playbook", "-i", f"inventories/{self.work.environment}", "ansible/playbooks/baseline.yml"]
        words += ["--limit", f"@{chosen}", "--extra-vars", f"@{variables}"]
        return [*words, *(["--tags", ",".join(self.begun.only)] if self.begun.only else [])]

    def _play(self, words: Sequence[str], log: Path, outcomes: Outcomes) -> int:
        """The exit code of the playbook; what it tells of hosts is heard while it runs."""
        told = {OUTCOMES: str(outcomes.path), "ANSIBLE_CALLBACKS_ENABLED": CALLBACK}
        with (
            log.open("a", encoding="utf-8") as sink,
            subprocess.Popen(
                self.work.words(words),
                cwd=self.work.checkout,
                env={**self.work.variables(), **told},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                pass_fds=(self.lock,),
            ) as process,
        ):
            while True:
                try:
                    code = process.wait(LOOK_EVERY)
                except subprocess.TimeoutExpired:
                    outcomes.take()
                except BaseException:
                    process.terminate()
                    raise
                else:
                    outcomes.take()
                    return code


@dataclass
class Outcomes:
    """The file in which a playbook tells of its hosts, and the hosts that it has not told of yet."""

    path: Path
    hosts: Sequence[str]
    told: Told

    def __post_init__(self) -> None:
        self.left = list(self.hosts)

    def take(self) -> None:
        """Hear of every host that was told of since; a line that is still being written is heard next time."""
        for one in self._lines():
            if one["host"] in self.left:
                self.told(one["host"], Result(one["result"]), one["said"])
                self.left.remove(one["host"])

    def mend(self) -> None:
        """End a line that was cut off when a playbook was killed, so that the next one begins its own."""
        if self.path.exists() and not self.path.read_bytes().endswith(b"\n"):
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n")

    def _lines(self) -> Iterator[dict[str, str]]:
        if self.path.exists():
            *whole, _torn = self.path.read_text(encoding="utf-8", errors="replace").split("\n")
            for line in whole:
                try:
                    yield json.loads(line)
                except ValueError:  # it was cut off; its host has its turn again
                    continue


def nothing_to_take_back(status: Mapping[str, Any], run: str) -> tuple[Back, str] | None:
    """Why a host stays as it is, by its own account (`province node status`); None when it has to go back.

    It goes back only if the last change there is this run's, confirmed or not, and nobody has touched a file since.
    """
    under_way, applied = status["under_way"], status["applied"] or {}
    if under_way:
        if mark(run) in under_way["reason"]:
            return None
        return Back.LEFT, f"a change by {under_way['controller']} is under way: {under_way['reason']}"
    reason = str(applied.get("reason", ""))
    if mark_of_return(run) in reason:
        return Back.BACK, "it has gone back already"
    if mark(run) not in reason:
        last = f"; its last change: {applied['time']} by {applied['controller']}: {reason}" if applied else ""
        return Back.UNCHANGED, f"no change of this run is there{last}"
    by_hand = [str(one) for one in status["differs"] if "/" in str(one)]
    if by_hand:
        return Back.LEFT, f"somebody changed it since: {'; '.join(by_hand)}"
    return None


def verdicts(records: Sequence[Record], evidence: str) -> dict[str, Seen]:
    """What the checks of each host amount to, with the first checks that are not as they should be."""
    by_host: dict[str, list[Record]] = {}
    for record in records:
        by_host.setdefault(record.host, []).append(record)
    found = {}
    for host, own in by_host.items():
        result = VERDICTS[worst(record.outcome for record in own)]
        bad = [record for record in own if VERDICTS[record.outcome] is result is not Result.OK]
        said = "; ".join(
            f"{one.test}: {one.message.splitlines()[0] if one.message else one.outcome}" for one in bad[:3]
        )
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        found[host] = Seen(result, said + more, evidence)
    return found


def _tail(log: Path) -> str:
    lines = COLOURS.sub("", log.read_text(encoding="utf-8", errors="replace")).rstrip().splitlines()
    return "\n".join(lines[-TAIL_LINES:])
