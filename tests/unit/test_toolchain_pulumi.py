"""Pulumi without its bundle: a private installation, and a language host that explains a program's errors."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pulumi.runtime.proto import language_pb2

from province.toolchain import build, pins, pulumi_home
from province.toolchain.pulumi_host import packages, plugin, program
from province.toolchain.pulumi_host.lifeline import Lifeline

CLI = pins.load().artefact("pulumi").version
PROVIDER = pins.load().artefact("pulumi-resource-kubernetes").version
PROVIDER_FILE = f"resource-kubernetes-v{PROVIDER}/pulumi-resource-kubernetes"
HOST_FILE = f"language-python-{CLI}/pulumi-language-python"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put empty programs where the built ones would be."""
    folder = tmp_path / "cache"
    folder.mkdir()
    for name in ("pulumi", "pulumi-resource-kubernetes"):
        (folder / name).write_text("")
    monkeypatch.setattr(build, "binary", lambda name: folder / name)
    return folder


def plugins(state_dir: Path) -> list[str]:
    home = state_dir / "home" / "plugins"
    return sorted(str(file.relative_to(home)) for file in home.rglob("*") if not file.is_dir())


def test_the_installation_has_host_provider_state_and_passphrase(programs: Path, tmp_path: Path) -> None:
    place = tmp_path / "of this checkout"
    settings = pulumi_home.prepare(place)
    assert plugins(place) == [HOST_FILE, PROVIDER_FILE]
    provider = place / "home/plugins" / PROVIDER_FILE
    assert provider.resolve() == programs / "pulumi-resource-kubernetes"
    assert settings["PULUMI_HOME"] == str(place / "home")
    assert settings["PULUMI_BACKEND_URL"] == (place / "state").as_uri()
    passphrase = Path(settings["PULUMI_CONFIG_PASSPHRASE_FILE"])
    assert stat.S_IMODE(passphrase.stat().st_mode) == 0o600
    assert len(passphrase.read_text().strip()) >= 43


def test_a_second_time_changes_nothing(programs: Path, tmp_path: Path) -> None:
    first = pulumi_home.prepare(tmp_path)
    before = {file: file.lstat().st_mtime_ns for file in tmp_path.rglob("*")}
    passphrase = Path(first["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text()
    assert pulumi_home.prepare(tmp_path) == first
    assert {file: file.lstat().st_mtime_ns for file in tmp_path.rglob("*")} == before
    assert Path(first["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text() == passphrase


def test_a_new_provider_replaces_the_link(programs: Path, tmp_path: Path) -> None:
    pulumi_home.prepare(tmp_path)
    newer = tmp_path / "newer"
    newer.mkdir()
    (newer / "pulumi").write_text("")
    (newer / "pulumi-resource-kubernetes").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "binary", lambda name: newer / name)
        pulumi_home.prepare(tmp_path)
    link = tmp_path / "home/plugins" / PROVIDER_FILE
    assert link.resolve() == newer / "pulumi-resource-kubernetes"


def test_the_official_bundle_keeps_its_own_language_host(programs: Path, tmp_path: Path) -> None:
    pulumi_home.prepare(tmp_path)
    (programs / "pulumi-language-python").write_text("")
    pulumi_home.prepare(tmp_path)
    assert plugins(tmp_path) == [PROVIDER_FILE]


def test_the_host_says_how_it_is_meant_to_be_started(programs: Path, tmp_path: Path) -> None:
    pulumi_home.prepare(tmp_path)
    host = tmp_path / "home/plugins" / HOST_FILE
    answer = subprocess.run([host], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert answer.returncode == 1
    assert "started by pulumi, not by hand" in answer.stderr


def raised_by(folder: Path, text: str) -> BaseException:
    """Run a program as the host does, below frames that are not its own; return what it raises."""
    folder.mkdir(exist_ok=True)
    entry = folder / "__main__.py"
    entry.write_text(text, encoding="utf-8")
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any exception of the program under test
        exec(compile(text, str(entry), "exec"), {"__name__": "__main__"})  # noqa: S102
    return caught.value


def test_a_traceback_begins_with_the_program(tmp_path: Path) -> None:
    shown = program.describe(raised_by(tmp_path, "def f():\n    1 / 0\nf()\n"), tmp_path)
    assert shown.splitlines()[:2] == [
        "Traceback (most recent call last):",
        f'  File "{tmp_path}/__main__.py", line 3, in <module>',
    ]
    assert shown.endswith("ZeroDivisionError: division by zero\n")
    assert "test_toolchain_pulumi" not in shown


def test_the_cause_of_an_error_is_shown_too(tmp_path: Path) -> None:
    text = "try:\n    {}['lost']\nexcept KeyError as error:\n    raise ValueError('no such system') from error\n"
    shown = program.describe(raised_by(tmp_path, text), tmp_path)
    assert shown.index("KeyError: 'lost'") < shown.index("direct cause") < shown.index("no such system")
    assert shown.count("__main__.py") == 2
    assert "test_toolchain_pulumi" not in shown


def test_an_error_from_elsewhere_keeps_its_frames(tmp_path: Path) -> None:
    shown = program.describe(raised_by(tmp_path / "other", "1 / 0\n"), tmp_path / "program")
    assert "other/__main__.py" in shown
    assert "test_toolchain_pulumi" in shown


def test_a_folder_is_run_by_its_main_file(tmp_path: Path) -> None:
    (tmp_path / "infra").mkdir()

    def entry(**info: str) -> Path:
        return program.entry_point(language_pb2.RunRequest(pwd=str(tmp_path), info=language_pb2.ProgramInfo(**info)))

    assert entry(program_directory=str(tmp_path / "infra"), entry_point=".") == tmp_path / "infra/__main__.py"
    assert entry(entry_point="infra") == tmp_path / "infra/__main__.py"
    assert entry(entry_point="up.py") == tmp_path / "up.py"


def test_a_policy_pack_runs_in_its_own_environment() -> None:
    request = language_pb2.RunPluginRequest(
        kind="analyzer", args=["127.0.0.1:1"], info=language_pb2.ProgramInfo(program_directory="/pack")
    )
    assert plugin.command(request) == [
        *(sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", "/pack"),
    ]
    request.info.options.update({"virtualenv": "venv"})
    assert plugin.command(request)[0] == "/pack/venv/bin/python"


def answers(request: language_pb2.RunPluginRequest) -> tuple[bytes, bytes, int]:
    """Run a plugin to its end; return what it wrote to both streams and its exit code."""
    parts = list(plugin.run(request, Lifeline(), lambda _: None))
    return b"".join(p.stdout for p in parts), b"".join(p.stderr for p in parts), parts[-1].exitcode


def test_what_a_plugin_prints_and_returns_reaches_the_engine(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text(
        "import os, sys\nprint(os.environ['PROOF'], sys.argv[1])\nprint('aside', file=sys.stderr)\nsys.exit(3)\n",
        encoding="utf-8",
    )
    request = language_pb2.RunPluginRequest(
        args=["engine"], env=["PROOF=a=b"], info=language_pb2.ProgramInfo(program_directory=str(tmp_path))
    )
    assert answers(request) == (b"a=b engine\n", b"aside\n", 3)


def test_a_plugin_that_cannot_start_says_why(tmp_path: Path) -> None:
    request = language_pb2.RunPluginRequest(info=language_pb2.ProgramInfo(program_directory=str(tmp_path / "nowhere")))
    _, stderr, exit_code = answers(request)
    assert (b"nowhere" in stderr, exit_code) == (True, 1)


def test_the_kubernetes_provider_is_wanted_in_the_version_that_is_built() -> None:
    wanted = {found.name: found.version for found in packages.providers()}
    assert wanted["kubernetes"] == f"v{PROVIDER}"
    assert packages.sdk_version() == CLI.removeprefix("v")
