"""The pytest plugin for tests on hosts: chooses hosts, tells unreachable from failed, files the evidence.

Exit codes: pytest keeps 0 to 5 for itself, so ours are those of the `province` command plus ten. 0 all is as
declared; 1 some check failed or could not be read; 14 nothing failed, but some host was unreachable; 16 no host or
no test was selected; 12, 13, 17 wrong use, wrong data, wrong machine. What wins is what stands first in this list
after 0, and a run in which a host was unreachable is never 0.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from province.errors import ExitCode, ProvinceError
from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.verify.marks import declared_words, fits
from province.verify.outcome import Outcome
from province.verify.selection import by_class, select_hosts
from province.verify.session import VERIFICATION, Check, Verification
from province.verify.transport import Unreachable

pytest_plugins = ["province.verify.fixtures"]

OWN_CODES = 10
"""Added to our exit codes to keep clear of pytest's."""

PENDING = pytest.StashKey[tuple[Outcome, str, float]]()
LOCAL = (
    "the fixture `host` is testinfra's own, which is this machine and not a host of the fleet: "
    'load the plugin by `pytest_plugins = ["province.verify.plugin"]` in conftest.py, not by -p'
)
NEVER_CALLED = (Outcome.UNKNOWN, "the test was set up but not called", 0.0)
SHOWN = {Outcome.UNREACHABLE: ("U", "UNREACHABLE"), Outcome.WAIVED: ("w", "WAIVED")}


def exit_status(code: ExitCode) -> int:
    """One of our exit codes as pytest's process returns it."""
    return int(code) if code in {ExitCode.OK, ExitCode.FAILED} else OWN_CODES + int(code)


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


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks that select hosts."""
    config.addinivalue_line("markers", "hosts(*words): only on hosts of these classes or with these duties")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Load the model and choose the hosts; what is wrong with either ends the run with a message, not a traceback."""
    options = session.config.option
    try:
        fleet = load_fleet(options.environment)
        chosen = select_hosts(fleet, options.select)
        session.config.stash[VERIFICATION] = Verification(fleet, chosen, options.evidence)
    except ProvinceError as error:
        pytest.exit(str(error), returncode=exit_status(error.exit_code))


def pytest_report_header(config: pytest.Config) -> str:
    """Say what the run is about."""
    run = config.stash[VERIFICATION]
    classes = ", ".join(f"{count} {name}" for name, count in by_class(run.hosts).items())
    return f"environment: {run.fleet.environment.id}, {len(run.hosts)} hosts ({classes})"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each chosen host that the test's marks and its controls are about."""
    if "_testinfra_host" in metafunc.fixturenames:
        raise pytest.Collector.CollectError(LOCAL)
    if "node" not in metafunc.fixturenames:
        return
    run = metafunc.config.stash[VERIFICATION]
    where = metafunc.definition.nodeid
    try:
        groups = declared_words((mark.args for mark in metafunc.definition.iter_markers("hosts")), where)
        classes = _classes_of_controls(metafunc, run, where)
    except ProvinceError as error:
        raise pytest.Collector.CollectError(str(error)) from None
    hosts = [host for host in run.hosts if fits(host, groups) and host.host_class in classes]
    metafunc.parametrize("node", hosts, ids=[host.name for host in hosts], indirect=True, scope="session")


def _classes_of_controls(metafunc: pytest.Metafunc, run: Verification, where: str) -> frozenset[str]:
    """The classes of hosts that the test's controls apply to by the model; without a control, all."""
    numbers = _controls(metafunc.definition)
    unknown = [number for number in numbers if number not in run.fleet.controls]
    if unknown:
        raise ProvinceError(f"{where}: control {unknown[0]} is not in controls.yml", exit_code=ExitCode.USAGE)
    if not numbers:
        return frozenset(host.host_class for host in run.hosts)
    return frozenset(str(one) for number in numbers for one in run.fleet.controls[number].applies_to)


def _controls(item: pytest.Item) -> tuple[int, ...]:
    return tuple(sorted({mark.args[0] for mark in item.iter_markers("control")}))


def _host_of(item: pytest.Item) -> Host | None:
    """The host that a test is about; None for a test that is about no host."""
    found = _parameters(item).get("node")
    return found if isinstance(found, Host) else None


def _parameters(item: pytest.Item) -> dict[str, object]:
    callspec = getattr(item, "callspec", None)
    return dict(callspec.params) if callspec else {}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Drop the placeholders of tests that apply to none of the chosen hosts; take the others host by host.

    What a host says is read once and kept while its tests run. pytest's own grouping goes by the place in each
    test's list of hosts, which differs from test to test.
    """
    empty = [item for item in items if "node" in getattr(item, "fixturenames", ()) and _host_of(item) is None]
    if empty:
        config.hook.pytest_deselected(items=empty)
    rank = {host.name: number for number, host in enumerate(config.stash[VERIFICATION].hosts)}

    def place(item: pytest.Item) -> tuple[int, str, int]:
        host = _host_of(item)
        return (rank[host.name], item.location[0], item.location[1] or 0) if host else (-1, "", 0)

    items[:] = sorted((item for item in items if item not in empty), key=place)


def _is_whole(config: pytest.Config) -> bool:
    """Whether nothing but the hosts was chosen: no test by name, mark or file, and no end at the first failure."""
    chosen = ("keyword", "markexpr", "deselect", "maxfail", "lf")
    named = any("::" in word or word.endswith(".py") for word in config.args)
    return not named and not any(getattr(config.option, name, None) for name in chosen)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before the first check, ask every host that has some; one that does not answer is not asked again."""
    found = _host_of(item)
    if found is None:
        return
    run = item.config.stash[VERIFICATION]
    if run.evidence is None:
        hosts = {host.name for host in map(_host_of, item.session.items) if host}
        run.begin(hosts, whole=_is_whole(item.config))
    if silence := run.silence(found.name):
        raise Unreachable(found.name, silence)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge the end of each phase; file the check when its last phase is over."""
    report = yield
    found = _host_of(item)
    if found is None:
        return report
    run = item.config.stash[VERIFICATION]
    check = _check(item, found)
    judged = _judged(run, check, call, report)
    if judged is not None:
        item.stash[PENDING] = (*judged, call.duration)
        _say(report, *judged)
    if report.when == "teardown":
        run.record(check, *item.stash.get(PENDING, NEVER_CALLED))
    return report


def _check(item: pytest.Item, host: Host) -> Check:
    function = getattr(item, "function", None)
    lines = (getattr(function, "__doc__", None) or "").strip().splitlines()
    module = item.path.stem.removeprefix("test_")
    name = getattr(item, "originalname", item.name)
    variant = "-".join(str(value) for key, value in _parameters(item).items() if key != "node")
    test = f"{module}::{name}" + (f"[{variant}]" if variant else "")
    return Check(host, test, lines[0] if lines else "", module.replace("_", "-"), _controls(item))


def _judged(
    run: Verification, check: Check, call: pytest.CallInfo[None], report: pytest.TestReport
) -> tuple[Outcome, str] | None:
    """The check's outcome as far as this phase tells; None when the phase changes nothing."""
    if call.excinfo is None:
        return (Outcome.PASS, "") if report.when == "call" else None
    message = str(call.excinfo.value) or call.excinfo.typename
    silent = call.excinfo.value.host if isinstance(call.excinfo.value, Unreachable) else None
    if silent == check.host.name:
        run.lost(check.host.name, message)
        return Outcome.UNREACHABLE, message
    if report.when == "call" and report.failed and call.excinfo.errisinstance(AssertionError):
        return run.waived(check, message)
    return Outcome.UNKNOWN, f"{call.excinfo.typename} {silent or ''}: {message}"


def _say(report: pytest.TestReport, outcome: Outcome, message: str) -> None:
    """Make pytest's own report tell the same: neither unreachable nor waived is passed or failed."""
    report.user_properties.append(("outcome", str(outcome)))
    if outcome in SHOWN:
        report.outcome = "skipped"
        report.longrepr = (report.fspath, report.location[1] or 0, f"{outcome}: {message}")


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Unreachable and waived have letters and words of their own."""
    said = dict(getattr(report, "user_properties", ())).get("outcome")
    if said is None or not report.skipped or Outcome(said) not in SHOWN:
        return None
    letter, word = SHOWN[Outcome(said)]
    return said, letter, word


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Decide the exit code and close the evidence."""
    run = session.config.stash.get(VERIFICATION, None)
    if run is None:
        return
    session.exitstatus = _verdict(run, int(exitstatus))
    run.finish(int(session.exitstatus))


def _verdict(run: Verification, exitstatus: int) -> int:
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        return exit_status(ExitCode.NOTHING_SELECTED)
    if exitstatus != pytest.ExitCode.OK:
        return exitstatus
    if run.counts[Outcome.FAIL] or run.counts[Outcome.UNKNOWN]:
        return exit_status(ExitCode.FAILED)
    return exit_status(ExitCode.UNREACHABLE if run.counts[Outcome.UNREACHABLE] else ExitCode.OK)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The counts, the hosts that did not answer with the command to try them again, and the evidence."""
    run = config.stash.get(VERIFICATION, None)
    if run is None or config.option.collectonly:
        return
    terminalreporter.section("verification")
    if not run.counts:
        terminalreporter.line(f"no test applies to the {len(run.hosts)} selected hosts: nothing was verified")
        return
    counts = ", ".join(f"{run.counts[one]} {one}" for one in Outcome if run.counts[one])
    terminalreporter.line(f"{sum(run.counts.values())} checks: {counts}")
    for name, why in run.unreachable.items():
        terminalreporter.line(f"unreachable  {name}: {why}")
    if run.unreachable:
        again = ",".join(run.unreachable)
        command = f"pytest tests/host --environment {run.fleet.environment.id} --select {again}"
        terminalreporter.line(f"try again    {command}")
    terminalreporter.line(f"evidence     {run.evidence}")
