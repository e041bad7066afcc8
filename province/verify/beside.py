"""A run over many hosts in two processes: asked by one, checked by both, filed by one.

What hosts told is there before the processes part, so it is told once. Each takes whole hosts; what the second saw and
found comes back when it is done, and is filed and reported as if the first had. Two cores then check twice as fast.
"""

from __future__ import annotations

import os
import pickle
import tempfile
import traceback
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NoReturn

import pytest

from province.verify.evidence import EvidenceFile, Record
from province.verify.items import begin, target_of
from province.verify.session import VERIFICATION, Verification


@dataclass
class Told:
    """What a second process has for the first: its reports, records, and what it asked its hosts."""

    reports: list[object] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    asked: dict[str, dict[str, None]] = field(default_factory=dict)
    missed: dict[tuple[str, str], int] = field(default_factory=dict)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    found: int = 0
    lost: dict[str, str] = field(default_factory=dict)


class Listener:
    """What the second process has in place of the terminal: keeps how checks ended, and what else went wrong.

    pytest asks the plugin of that name how the terminal shows colours, so `_tw` stays what it was.
    """

    def __init__(self, config: pytest.Config, reports: list[object]) -> None:
        self._tw = config.get_terminal_writer()
        self._config = config
        self._reports = reports

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a report; that nothing went wrong before or after a check is no news."""
        if report.when == "call" or not report.passed:
            self._reports.append(self._config.hook.pytest_report_to_serializable(config=self._config, report=report))


class Aside(EvidenceFile):
    """Keeps records for the first process, which files them; nothing of them is on the disk before."""

    def __init__(self, path: Path, records: list[Record]) -> None:
        self.path = path
        self.checks = 0
        self._records = records

    def add(self, record: Record) -> None:
        """Keep one check."""
        self._records.append(record)

    def sync(self) -> None:
        """Nothing is written here."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Give half of the hosts to a second process, and take what it found when the first half is done."""
    items = list(session.items)
    later = second_half(session)
    if not later:
        return (yield)
    begin(session)
    run = session.config.stash[VERIFICATION]
    with tempfile.TemporaryFile() as place:
        other = os.fork()
        if other == 0:
            _check(session, run, later, place)
        session.items[:] = items[: len(items) - len(later)]
        try:
            result = yield
        finally:
            session.items[:] = items
            ended = os.waitstatus_to_exitcode(os.waitpid(other, 0)[1])
        place.seek(0)
        came = f"it ended with {ended}" if ended else pickle.load(place)  # noqa: S301 - our own process wrote it
    if isinstance(came, str):
        raise RuntimeError(f"the second process, which checked half of the hosts: {came}")
    _take(session, run, came)
    return result


def second_half(session: pytest.Session) -> Sequence[pytest.Item]:
    """The checks of the later half of the hosts; none where one process is as good, or has to see every end."""
    option, run = session.config.option, session.config.stash[VERIFICATION]
    alone = session.testsfailed or option.collectonly or option.maxfail or option.usepdb
    names = list(dict.fromkeys(found.host.name for item in session.items if (found := target_of(item))))
    if alone or not run.way.gathers or len(names) < option.second_process_from:
        return ()
    later = set(names[len(names) // 2 :])
    return [item for item in session.items if (found := target_of(item)) and found.host.name in later]


def _check(session: pytest.Session, run: Verification, items: Sequence[pytest.Item], place: BinaryIO) -> NoReturn:
    """In the second process: make the checks, write down what came of them, or why not, and end without a word."""
    code = 1
    try:
        try:
            came = pickle.dumps(_found(session, run, items))
        except BaseException:  # noqa: BLE001 - whatever it was is said by the first process
            came = pickle.dumps(traceback.format_exc())
        place.write(came)
        place.flush()
        code = 0
    finally:
        os._exit(code)


def _found(session: pytest.Session, run: Verification, items: Sequence[pytest.Item]) -> Told:
    told, answers, evidence = Told(), run.way.answers, run.evidence
    assert answers is not None and evidence is not None  # noqa: S101, PT018 - it gathers, and has begun
    answers.asked, answers.missed, answers.refused, answers.found = {}, {}, Counter(), 0
    run.file_into(Aside(evidence, told.records))
    listener, plugins = Listener(session.config, told.reports), session.config.pluginmanager
    plugins.unregister(name="terminalreporter")
    plugins.register(listener, "terminalreporter")
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    told.asked, told.missed, told.refused, told.found = answers.asked, answers.missed, answers.refused, answers.found
    told.lost = run.unreachable
    return told


def _take(session: pytest.Session, run: Verification, told: Told) -> None:
    """In the first process: file and report what the second found."""
    run.take(told.records, told.lost)
    answers, config = run.way.answers, session.config
    assert answers is not None  # noqa: S101 - only a run that gathers parts
    answers.asked.update(told.asked)
    answers.missed.update(told.missed)
    answers.refused.update(told.refused)
    answers.found += told.found
    for report in told.reports:
        read = config.hook.pytest_report_from_serializable(config=config, data=report)
        config.hook.pytest_runtest_logreport(report=read)
