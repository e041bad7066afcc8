"""What a step about hosts makes of the command that it called."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.errors import ExitCode, ProvinceError
from province.ops.hosts import configure
from province.ops.workplace import Workplace

RECAP = """PLAY RECAP
localhost    : ok=2    changed=1    unreachable=0    failed=0    skipped=0
node-a       : ok=1    changed=1    unreachable=0    failed=0    skipped=0
node-b       : ok=1    changed=0    unreachable=0    failed=0    skipped=0
"""


def playbook(folder: Path, monkeypatch: pytest.MonkeyPatch, printed: str, code: int) -> Workplace:
    """A desk whose `ansible-playbook` prints this and ends so."""
    program = folder / "bin" / "ansible-playbook"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{printed}END\nexit {code}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return Workplace(folder, "elsewhere")


def test_hosts_are_counted_without_the_controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = configure(playbook(tmp_path, monkeypatch, RECAP, 0))
    assert (step.line, step.changed) == ("2 hosts: 1 changed, 1 unchanged", True)


@pytest.mark.parametrize(
    ("code", "expected"), [(1, ExitCode.FAILED), (2, ExitCode.FAILED), (3, ExitCode.FAILED), (4, ExitCode.UNREACHABLE)]
)
def test_what_ansible_ends_with_is_said_in_our_own_codes(
    code: int, expected: ExitCode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ProvinceError) as caught:
        configure(playbook(tmp_path, monkeypatch, RECAP, code))
    assert caught.value.exit_code is expected
    assert "node-b" in caught.value.message


def test_a_run_that_reaches_no_host_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProvinceError, match="reached no host") as caught:
        configure(playbook(tmp_path, monkeypatch, "skipping: no hosts matched\n", 0))
    assert caught.value.exit_code is ExitCode.NOTHING_SELECTED
