"""The pytest plugin for tests on hosts: chooses hosts, tells unreachable from failed, files the evidence.

Exit codes: pytest keeps 0 to 5 for itself, so ours are those of the `province` command plus ten. 0 all is as
declared; 1 some check failed; 18 none failed, but some could not be read; 14 nothing but that some host was
unreachable; 16 no host or no test was selected; 12, 13, 17 wrong use, wrong data, wrong machine. What wins is what
stands first in this list after 0, and a run in which a host was unreachable is never 0.
"""

from __future__ import annotations

import inspect
from collections.abc import Generator
from typing import Any

import pytest

from province.errors import ExitCode, ProvinceError
from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.verify.check import Check, Target
from province.verify.items import begin, parameters, target_of
from province.verify.marks import declared_words, fits
from province.verify.outcome import SHOWN, Outcome, exit_code_of
from province.verify.selection import select_hosts
from province.verify.session import NOT_SEALED, VERIFICATION, Verification
from province.verify.transport import Unreachable

pytest_plugins = [
    "province.verify.options", "province.verify.telling", "province.verify.fixtures", "province.verify.beside",
]  # fmt: skip

OWN_CODES = 10
"""Added to our exit codes to keep clear of pytest's."""

LIVE = "-asked-again"
PENDING = pytest.StashKey[tuple[Outcome, str, float]]()
LOCAL = (
    "the fixture `host` is testinfra's own, which is this machine and not a host of the fleet: "
    'load the plugin by `pytest_plugins = ["province.verify.plugin"]` in conftest.py, not by -p'
)
NEVER_CALLED = (Outcome.UNKNOWN, "the test was set up but not called", 0.0)


def exit_status(code: ExitCode) -> int:
    """One of our exit codes as pytest's process returns it."""
    return int(code) if code in {ExitCode.OK, ExitCode.FAILED} else OWN_CODES + int(code)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks that select hosts."""
    config.addinivalue_line("markers", "hosts(*words): only on hosts of these classes or with these duties")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Load the model and choose the hosts; what is wrong with either ends the run with a message, not a traceback."""
    options = session.config.option
    try:
        fleet = load_fleet(options.environment)
        chosen = select_hosts(fleet, options.select)
        known = fleet.province.evidence.retention
        if options.retention not in known:
            raise ProvinceError(
                f"--retention {options.retention}: no such class of retention",
                hint=f"known: {', '.join(sorted(known))} (province.yml, evidence.retention)",
                exit_code=ExitCode.USAGE,
            )
        session.config.stash[VERIFICATION] = Verification(
            fleet,
            chosen,
            options.evidence,
            transport=options.transport,
            commands=options.commands,
            client=options.client,
            retention=options.retention,
        )
    except ProvinceError as error:
        pytest.exit(str(error), returncode=exit_status(error.exit_code))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each chosen host that the test's marks and its controls are about."""
    if "_testinfra_host" in metafunc.fixturenames:
        raise pytest.Collector.CollectError(LOCAL)
    if "target" not in metafunc.fixturenames:
        return
    run = metafunc.config.stash[VERIFICATION]
    where = metafunc.definition.nodeid
    try:
        groups = declared_words((mark.args for mark in metafunc.definition.iter_markers("hosts")), where)
        classes = _classes_of_controls(metafunc, run, where)
    except ProvinceError as error:
        raise pytest.Collector.CollectError(str(error)) from None
    hosts = [host for host in run.hosts if fits(host, groups) and host.host_class in classes]
    targets = [Target(host) for host in hosts]
    if "host" in metafunc.fixturenames:
        targets += [Target(host, live=True) for host in hosts if host.name in run.samples]
    names = [f"{one.host.name}{LIVE * one.live}" for one in targets]
    metafunc.parametrize("target", targets, ids=names, indirect=True, scope="session")


def _classes_of_controls(metafunc: pytest.Metafunc, run: Verification, where: str) -> frozenset[str]:
    """The classes of hosts that tell about the test's controls by the model; without a control, all."""
    numbers = _controls(metafunc.definition)
    unknown = [number for number in numbers if number not in run.fleet.controls]
    if unknown:
        raise ProvinceError(f"{where}: control {unknown[0]} is not in controls.yml", exit_code=ExitCode.USAGE)
    if not numbers:
        return frozenset(host.host_class for host in run.hosts)
    return frozenset(one for number in numbers for one in run.fleet.controls[number].told_by)


def _controls(item: pytest.Item) -> tuple[int, ...]:
    return tuple(sorted({mark.args[0] for mark in item.iter_markers("control")}))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Drop the placeholders of tests that apply to none of the chosen hosts; take the others host by host.

    What a host says is read once and kept while its tests run. pytest's own grouping goes by the place in each
    test's list of hosts, which differs from test to test.
    """
    run = config.stash[VERIFICATION]
    empty = [item for item in items if "target" in getattr(item, "fixturenames", ()) and target_of(item) is None]
    if empty:
        config.hook.pytest_deselected(items=empty)
    left_out = {*empty, *_unsampled(run, items)}
    rank = {host.name: number for number, host in enumerate(run.hosts)}

    def place(item: pytest.Item) -> tuple[int, bool, str, int]:
        found = target_of(item)
        where = (item.location[0], item.location[1] or 0)
        return (rank[found.host.name], found.live, *where) if found else (-1, False, "", 0)

    items[:] = sorted((item for item in items if item not in left_out), key=place)


def _unsampled(run: Verification, items: list[pytest.Item]) -> set[pytest.Item]:
    """The checks that could be made a second time and are not in the sample."""
    live: dict[str, list[pytest.Item]] = {}
    for item in items:
        if (found := target_of(item)) and found.live:
            live.setdefault(found.host.name, []).append(item)
    return {item for checks in live.values() for item in set(checks) - set(run.sampled(checks))}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before the first check, ask every host that has some; one that does not answer is not asked again."""
    found = target_of(item)
    if found is None:
        return
    run = item.config.stash[VERIFICATION]
    run.observer.begin()
    begin(item.session)
    run.prepare(found.host)
    if silence := run.silence(found.host.name):
        raise Unreachable(found.host.name, silence)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Keep apart which fixture sent which command."""
    with request.config.stash[VERIFICATION].observer.fixture(fixturedef.argname):
        return (yield)


def pytest_assertrepr_compare(config: pytest.Config, op: str, left: object, right: object) -> None:
    """Note both sides of a comparison; how it is told stays pytest's business."""
    if _asserting_package() == "testinfra":
        return
    config.stash[VERIFICATION].observer.compared(op, left, right)


def pytest_assertion_pass(item: pytest.Item, orig: str, expl: str) -> None:
    """Note what held."""
    if _asserting_package() == "testinfra":
        return
    item.config.stash[VERIFICATION].observer.passed(orig, expl)


def _asserting_package() -> str:
    """The package whose `assert` is being told about: testinfra has some of its own, about its commands."""
    frame = inspect.currentframe()
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in {"_pytest", "pluggy", "province"}:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] if frame else ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge the end of each phase; file the check when its last phase is over."""
    report = yield
    found = target_of(item)
    if found is None:
        return report
    run = item.config.stash[VERIFICATION]
    check = _check(item, found.host)
    judged = _judged(run, check, call, report)
    if judged is not None:
        item.stash[PENDING] = (*judged, call.duration)
        _say(report, *judged)
    if report.when == "teardown":
        looked = run.observer.looked(getattr(item, "fixturenames", ()))
        file = run.confirm if found.live else run.record
        file(check, *item.stash.get(PENDING, NEVER_CALLED), looked)
    return report


def _check(item: pytest.Item, host: Host) -> Check:
    function = getattr(item, "function", None)
    lines = (getattr(function, "__doc__", None) or "").strip().splitlines()
    module = item.path.stem.removeprefix("test_")
    name = getattr(item, "originalname", item.name)
    variant = "-".join(str(value) for key, value in parameters(item).items() if key != "target")
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


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Decide the exit code and close the evidence."""
    run = session.config.stash.get(VERIFICATION, None)
    if run is None:
        return
    session.exitstatus = _verdict(run, int(exitstatus))
    try:
        run.finish(int(session.exitstatus))
    except ProvinceError as error:
        session.config.stash[NOT_SEALED] = str(error)
        session.exitstatus = exit_status(error.exit_code)


def _verdict(run: Verification, exitstatus: int) -> int:
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        return exit_status(ExitCode.NOTHING_SELECTED)
    if exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        return exitstatus
    if exitstatus == pytest.ExitCode.TESTS_FAILED and not (run.counts[Outcome.FAIL] or run.counts[Outcome.UNKNOWN]):
        return exit_status(ExitCode.FAILED)
    return exit_status(exit_code_of(run.counts))
