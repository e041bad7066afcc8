"""Our language host under the real engine: programs run, and their errors arrive once, readable."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from province.toolchain import binary, pins, pulumi_home

Pulumi = Callable[..., subprocess.CompletedProcess[str]]

OUTPUTS = """
import pulumi
print("the program runs")
pulumi.export("answer", pulumi.Config().require_int("base") + 2)
pulumi.export("where", pulumi.get_stack())
"""

FAILS = """
import helper
helper.find("lost")
"""

HELPER = """
def find(name):
    raise LookupError(f"no system called {name}")
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Return the environment of an installation made for these tests; builds CLI and provider if needed."""
    return {**os.environ, **pulumi_home.prepare(tmp_path_factory.mktemp("pulumi"))}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: proof\nruntime: python\nmain: program\n", encoding="utf-8")
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "helper.py").write_text(HELPER, encoding="utf-8")
    return tmp_path


@pytest.fixture
def pulumi(project: Path, settings: Mapping[str, str]) -> Iterator[Pulumi]:
    """Return a function that writes a program and runs one `pulumi` command on it, stack `lab.here.proof`."""

    def run(*arguments: str, program: str | None = None) -> subprocess.CompletedProcess[str]:
        if program is not None:
            (project / "program" / "__main__.py").write_text(program, encoding="utf-8")
        return subprocess.run(
            [str(binary("pulumi")), *arguments, "--non-interactive"],
            cwd=project,
            env=dict(settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    made = run("stack", "init", "lab.here.proof")
    assert made.returncode == 0, made.stderr
    run("config", "set", "base", "40")
    yield run
    run("stack", "rm", "--yes", "--force", "lab.here.proof")


def test_a_program_runs_and_a_second_run_changes_nothing(pulumi: Pulumi) -> None:
    first = pulumi("up", "--yes", "--skip-preview", program=OUTPUTS)
    assert first.returncode == 0, first.stdout
    assert "the program runs" in first.stdout
    assert "1 created" in first.stdout
    assert "warning" not in (first.stdout + first.stderr).lower()
    assert pulumi("stack", "output", "answer").stdout.strip() == "42"
    assert pulumi("stack", "output", "where").stdout.strip() == "lab.here.proof"

    second = pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert second.returncode == 0, second.stdout
    assert "1 unchanged" in second.stdout


def test_an_error_is_shown_once_with_the_programs_own_frames(pulumi: Pulumi) -> None:
    failed = pulumi("preview", "--diff", program=FAILS)
    shown = failed.stdout + failed.stderr
    assert failed.returncode == 1
    assert shown.count("LookupError: no system called lost") == 1
    assert "program/__main__.py" in shown
    assert "program/helper.py" in shown
    assert "pulumi_host" not in shown
    assert "runpy" not in shown


def test_what_the_program_says_itself_comes_without_a_traceback(pulumi: Pulumi) -> None:
    failed = pulumi("preview", program='import pulumi\nraise pulumi.RunError("the model has 3 problems")\n')
    assert failed.returncode == 1
    assert "the model has 3 problems" in failed.stdout
    assert "Traceback" not in failed.stdout


@pytest.mark.parametrize(("status", "expected"), [("0", 0), ('"bad data"', 1)])
def test_a_program_may_end_itself(status: str, expected: int, pulumi: Pulumi) -> None:
    ended = pulumi("preview", program=f"import sys\nsys.exit({status})\n")
    assert ended.returncode == expected, ended.stdout
    assert ("the program ended itself: bad data" in ended.stdout) == bool(expected)


def test_a_missing_program_is_named(pulumi: Pulumi, project: Path) -> None:
    failed = pulumi("preview")
    assert failed.returncode == 1
    assert f"there is no program: {project}/program/__main__.py does not exist" in failed.stdout


def test_a_missing_stack_has_its_own_exit_code(pulumi: Pulumi) -> None:
    assert pulumi("preview", "--stack", "lab.nowhere.proof", program=OUTPUTS).returncode == 6


def test_both_plugins_are_installed_in_the_pinned_versions(pulumi: Pulumi) -> None:
    listed = [line.split()[:3] for line in pulumi("plugin", "ls").stdout.splitlines()]
    wanted = pins.load()
    assert ["kubernetes", "resource", wanted.artefact("pulumi-resource-kubernetes").version] in listed
    assert ["python", "language", wanted.artefact("pulumi").version.removeprefix("v")] in listed
