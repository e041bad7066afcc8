"""One round trip with real hosts over real sshd: strange, slow and dying ones, and the same verdicts every way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from province.fleet.load import load_fleet
from province.lab import provision
from province.verify.checkout import CHECKOUT
from province.verify.connection import TRANSPORTS
from province.verify.evidence import read_evidence
from province.verify.gather import Limits, gather
from province.verify.run import verify
from province.verify.snapshot import Said
from province.verify.transport import connect

from .conftest import wait_until
from .people import CONFIG

pytestmark = pytest.mark.lab

FLEET = load_fleet("lab")
NODE, DYING = (host.name for host in list(FLEET.hosts.values())[:2])
QUICK = Limits(command=3.0, first=10.0, silence=8.0)
ODD_SHELL = "/usr/local/bin/odd-shell"
DIE = "sleep 0.5; systemctl poweroff --force --force"


def said(*commands: str) -> dict[str, Said]:
    found = gather({NODE: commands}, CONFIG, QUICK)[NODE]
    assert found.snapshot, found.silence
    return dict(found.snapshot.said)


def test_ten_megabytes_and_bytes_that_are_no_text_come_as_they_are() -> None:
    big, raw = "head -c 10000000 /dev/zero | tr '\\0' x", "printf 'caf\\351\\200'"
    told = said(big, raw)
    assert told[big].out == b"x" * 10_000_000
    assert told[raw].out == b"caf\xe9\x80"


def test_a_command_that_hangs_is_killed_there_and_holds_up_nothing() -> None:
    begun = time.monotonic()
    told = said("sleep 600", *(f"echo {number}" for number in range(40)))
    assert time.monotonic() - begun < 20
    assert sum(one.hung for one in told.values()) == 1
    assert len(told) == 41
    assert connect(NODE, CONFIG).run("pgrep -f 'sleep [6]00'").rc == 1


@pytest.fixture
def odd_shell() -> Iterator[None]:
    """Automation's login shell says something first, and sets another locale."""
    host, user = connect(NODE, CONFIG), FLEET.environment.automation.name
    before = host.check_output("getent passwd %s", user).rpartition(":")[2]
    text = r'#!/bin/bash\necho Chào mừng\nexport LC_ALL=C LANGUAGE=vi\nexec /bin/bash --noprofile "$@"\n'
    host.check_output(f"printf '{text}' > {ODD_SHELL} && chmod 755 {ODD_SHELL} && usermod --shell {ODD_SHELL} {user}")
    yield
    host.check_output(f"usermod --shell {before} {user} && rm {ODD_SHELL}")


@pytest.mark.usefixtures("odd_shell")
def test_another_shell_and_locale_make_no_difference() -> None:
    words = 'printf \'%s %s\\n\' "it\'s" "$LC_ALL"'
    assert said(words)[words] == Said(0, b"it's C.UTF-8\n", b"")


def test_a_host_that_dies_in_the_middle_is_silent_and_the_others_lose_nothing() -> None:
    boot = connect(DYING, CONFIG).check_output("cat /proc/sys/kernel/random/boot_id")
    commands = {NODE: [f"sleep 0.1; echo {number}" for number in range(60)]}
    begun = time.monotonic()
    try:
        found = gather({**commands, DYING: [*commands[NODE][:20], DIE, *commands[NODE]]}, CONFIG, QUICK)
        again = gather({DYING: []}, CONFIG, Limits(first=6.0))
        assert time.monotonic() - begun < 40
    finally:
        provision.up(FLEET)
    assert found[DYING].snapshot is None
    assert "answers)" in found[DYING].silence
    assert again[DYING].silence
    whole = found[NODE].snapshot
    assert whole
    told = whole.said
    assert [told[one].out for one in commands[NODE]] == [f"{number}\n".encode() for number in range(60)]
    wait_until(lambda: connect(DYING, CONFIG).run("systemctl is-system-running").stdout.strip() == "running", DYING)
    assert connect(DYING, CONFIG).check_output("cat /proc/sys/kernel/random/boot_id") != boot


def test_every_way_to_a_host_ends_in_the_same_verdicts(tmp_path: Path) -> None:
    verdicts: dict[str, dict[str, str]] = {}
    files = [str(CHECKOUT / "tests" / "host" / f"test_{name}.py") for name in ("kernel", "ssh", "time")]
    for way in (name for name in TRANSPORTS if name != "local"):
        result = verify(
            "lab",
            [NODE],
            tests=Path(files[0]),
            evidence=tmp_path / way,
            arguments=[*files[1:], "--transport", way, "--commands", str(tmp_path / "commands.json")],
        )
        assert result.evidence
        records = read_evidence(result.evidence).records
        verdicts[way] = {one.test: str(one.outcome) for one in records if one.subject != "transport"}
    assert verdicts["batch"]
    assert verdicts == dict.fromkeys(verdicts, verdicts["batch"])
