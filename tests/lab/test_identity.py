"""People, automation and the sealed account, as they try to enter real hosts."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from province.fleet.load import load_fleet
from province.verify.transport import connect

from .conftest import Command
from .people import CONFIG, Person, code

pytestmark = pytest.mark.lab

ENVIRONMENT = load_fleet("lab").environment
SOMEBODY = ENVIRONMENT.administrators[0].name
SEALED = ENVIRONMENT.break_glass.name
AUTOMATION = ENVIRONMENT.automation.name
BASTION = "rach-gia-bastion-1"
LOG_HOST = "rach-gia-services-1"
NODE = "vinh-xuong-people"
UNDO = 'import sys; print("".join(chr(ord(one) - 1) for one in sys.stdin.read()))'
WRONG = "000000"
KEPT = "/var/log/hosts/%s/messages.log"
ALARMS = "/var/log/hosts/alarms.log"
ARRIVES = "timeout 30 bash -c 'grep -q -m 1 -E %s < <(tail --pid=$$ -n +%d -F %s 2>/dev/null)'"
"""Waits at the log host until a line that fits is there, at this line of the file or after it, at most 30 seconds."""

Root = Callable[[str], str]


def as_root(host: str) -> Root:
    """A function that runs a command on a host as automation does, and must succeed."""
    return lambda command: str(connect(host, CONFIG).check_output(command))


def next_alarm() -> int:
    """The number of the line that the next alarm will be at the log host."""
    return int(as_root(LOG_HOST)(f"cat {ALARMS} 2>/dev/null | wc -l")) + 1


@pytest.fixture
def person(tmp_path: Path) -> Person:
    """The declared administrator with a new certificate."""
    return Person.admitted(SOMEBODY, tmp_path)


@pytest.fixture
def secret() -> Iterator[str]:
    """The person's new second factor."""
    root = as_root(BASTION)
    found = re.search(r"secret=([A-Z2-7]+)", root(f"second-factor {SOMEBODY}"))
    assert found
    yield found[1]
    root(f"rm -f /var/lib/second-factor/{SOMEBODY}")


@pytest.fixture
def password() -> Iterator[Callable[[str, str], str]]:
    """A function that gives an account on a host a new password; afterwards it has none."""
    given: list[tuple[str, str]] = []

    def give(host: str, account: str) -> str:
        given.append((host, account))
        word = f"Ag1-{secrets.token_urlsafe(18)}"
        as_root(host)(f"echo '{account}:{word}' | chpasswd")
        return word

    yield give
    for host, account in given:
        as_root(host)(f"usermod --password '!' {account} && faillock --user {account} --reset")


def test_a_certificate_alone_does_not_open_the_bastion(person: Person, secret: str) -> None:
    done = person.ssh(BASTION, "true", answer=WRONG)
    assert done.returncode == 255
    assert "Permission denied" in done.stderr


def test_a_certificate_and_a_code_open_the_bastion_and_a_code_does_so_once(person: Person, secret: str) -> None:
    word = code(secret)
    done = person.ssh(BASTION, "id -un", answer=word)
    assert (done.stdout.strip(), done.returncode) == (SOMEBODY, 0), done.stderr
    assert person.ssh(BASTION, "true", answer=word).returncode == 255


def test_what_a_person_does_on_the_bastion_can_be_watched_afterwards(person: Person, secret: str) -> None:
    """By root alone; and that there was a session, and which, is known at the log host."""
    mark = f"proof-{secrets.token_hex(8)}"
    shown = "".join(chr(ord(one) + 1) for one in mark)
    # What is typed is not kept: the mark comes to light as what the terminal showed.
    done = person.ssh(BASTION, f"printf %s {shown} | python3 -c '{UNDO}'", answer=code(secret))
    assert (done.stdout.strip(), done.returncode) == (mark, 0), done.stderr
    recordings = f"/var/log/sessions/{SOMEBODY}"
    root = as_root(BASTION)
    newest = root(f"ls -t {recordings} | head -n 1").strip()
    assert root(f"sudoreplay --max-wait=0 --directory={recordings} {newest} 2>/dev/null").strip().endswith(mark)
    refused = person.ssh(BASTION, f"ls {recordings}", answer=code(secret, ahead=1))
    assert "Permission denied" in refused.stderr
    as_root(LOG_HOST)(ARRIVES % (f"sudo.*{SOMEBODY}.*TSID.*{shown}", 1, KEPT % BASTION))


def test_who_has_no_second_factor_yet_does_not_get_in(person: Person) -> None:
    assert person.ssh(BASTION, "true", answer=WRONG).returncode == 255


def test_people_reach_a_node_through_the_bastion_and_no_other_way(person: Person, secret: str) -> None:
    assert person.ssh(NODE, "true").returncode == 255
    done = person.ssh(NODE, "id -un", through=BASTION, answer=code(secret))
    assert (done.stdout.strip(), done.returncode) == (SOMEBODY, 0), done.stderr


def test_a_certificate_opens_no_other_account(person: Person) -> None:
    assert person.ssh(NODE, "true", account=AUTOMATION).returncode == 255


def test_people_prove_again_that_it_is_they_before_they_act_as_root(
    person: Person, secret: str, password: Callable[[str, str], str]
) -> None:
    asked = person.ssh(NODE, "sudo -n true", through=BASTION, answer=code(secret))
    assert (asked.returncode, "password is required" in asked.stderr) == (1, True), asked.stderr
    word = password(NODE, SOMEBODY)
    mark = f"proof-{secrets.token_hex(8)}"
    done = person.ssh(NODE, f"echo '{word}' | sudo -S echo {mark}", through=BASTION, answer=code(secret, ahead=1))
    assert (done.stdout.strip(), done.returncode) == (mark, 0), done.stderr
    as_root(LOG_HOST)(ARRIVES % (f"sudo.*{mark}", 1, KEPT % NODE))


def test_opening_the_sealed_account_raises_an_alarm_at_the_log_host(
    person: Person, password: Callable[[str, str], str]
) -> None:
    word = password(NODE, SEALED)
    mark = f"proof-{secrets.token_hex(8)}"
    line = next_alarm()
    assert person.ssh(NODE, "true", account=SEALED, answer=WRONG).returncode == 255
    done = person.ssh(NODE, f"echo {mark}", account=SEALED, answer=word)
    assert (done.stdout.strip(), done.returncode) == (mark, 0), done.stderr
    as_root(LOG_HOST)(ARRIVES % (f"ALARM.open_session.*{SEALED}.on.{NODE}", line, ALARMS))


def test_the_sealed_account_is_closed_while_nobody_has_sealed_a_password(person: Person) -> None:
    assert person.ssh(NODE, "true", account=SEALED, answer=WRONG).returncode == 255
    as_root(NODE)(f"faillock --user {SEALED} --reset")


def test_wrong_passwords_lock_the_account_even_for_the_right_one(
    person: Person, password: Callable[[str, str], str]
) -> None:
    word = password(NODE, SEALED)
    for _ in range(4):
        assert person.ssh(NODE, "true", account=SEALED, answer=WRONG).returncode == 255
    assert person.ssh(NODE, "true", account=SEALED, answer=word).returncode == 255


@pytest.mark.parametrize("weak", ["short-A1", "onlylowercaseletters", "Aaaaaaaaaaaa-1"])
def test_a_weak_password_is_not_taken_even_from_root(weak: str) -> None:
    done = connect(NODE, CONFIG).run(f"echo '{SOMEBODY}:{weak}' | chpasswd")
    assert done.rc != 0
    assert connect(NODE, CONFIG).check_output("getent shadow %s", SOMEBODY).split(":")[1] == "!"


def test_the_sealed_passwords_lie_in_the_envelope_and_open_the_host(
    ansible: Command, person: Person, tmp_path: Path
) -> None:
    envelope = tmp_path / "envelope"
    envelope.mkdir()
    done = ansible("seal", "--limit", NODE, "-e", f"envelope={envelope}")
    assert done.returncode == 0, done.stdout
    word = (envelope / NODE).read_text(encoding="utf-8").strip()
    assert word not in done.stdout
    assert person.ssh(NODE, "true", account=SEALED, answer=word).returncode == 0
    as_root(NODE)(f"usermod --password '!' {SEALED}")
