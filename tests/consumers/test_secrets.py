"""Sealed secrets before the program whose format they have: Debian's age opens ours, and ours opens Debian's."""

from __future__ import annotations

import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.secrets import recipients, sealed

from .test_exports import asked

HEAD = {"secret": "runs", "environment": "lab", "at": datetime(2026, 11, 27, tzinfo=UTC), "until": date(2027, 2, 25)}
VALUES = {"id": "one", "key": "mật khẩu"}


def sealed_for(*identities: Path) -> sealed.Sealed:
    readers = {f"reader-{number}": (recipients.make_identity(one),) for number, one in enumerate(identities)}
    return sealed.seal(sealed.Head.model_validate({**HEAD, "keys": ("id", "key"), "readers": readers}), VALUES)


def test_age_opens_what_we_sealed_for_each_reader_and_for_nobody_else(tmp_path: Path) -> None:
    first, second, stranger = (tmp_path / name for name in ("first", "second", "stranger"))
    message = tmp_path / "runs.age"
    message.write_text(sealed_for(first, second).age, encoding="ascii")
    recipients.make_identity(stranger)
    for reader in (first, second):
        done = asked("age", "--decrypt", "-i", reader, message)
        assert done.returncode == 0, done.stderr
        assert "mật khẩu" in done.stdout
    refused = asked("age", "--decrypt", "-i", stranger, message)
    assert refused.returncode != 0
    assert "no identity matched" in refused.stderr


def test_a_reader_may_make_the_key_by_age_itself(tmp_path: Path) -> None:
    """A keeper needs none of our programs on the machine that holds the private half."""
    made = asked("age-keygen", "-o", tmp_path / "identity")
    assert made.returncode == 0, made.stderr
    (public,) = [
        word for word in (tmp_path / "identity").read_text(encoding="ascii").split() if word.startswith("age1")
    ]
    head = sealed.Head.model_validate({**HEAD, "keys": ("id", "key"), "readers": {"lan": (public,)}})
    done = sealed.seal(head, VALUES)
    assert done.stanzas == 1
    assert sealed.opened(done, recipients.read_identity(tmp_path / "identity"), "runs.yml") == VALUES


def test_a_message_of_somebody_else_in_our_file_is_refused(tmp_path: Path) -> None:
    """Who sealed, a message of age says to nobody; what is inside must be what the file says."""
    mine = sealed_for(tmp_path / "mine")
    (key,) = mine.readers["reader-0"]
    program = asked("age", "--version")
    assert program.returncode == 0, program.stderr
    done = subprocess.run(
        [program.args[0], "--encrypt", "--armor", "-r", key], input="{}", capture_output=True, text=True, check=True
    )
    forged = mine.model_copy(update={"age": done.stdout})
    assert forged.stanzas == 1
    with pytest.raises(ProvinceError, match=r"runs.yml: holds something else than a secret of ours"):
        sealed.opened(forged, recipients.read_identity(tmp_path / "mine"), "runs.yml")
