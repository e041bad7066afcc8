"""Somebody who sends mail, and somebody who files it, all the time: each keeps the numbers that were acknowledged."""

from __future__ import annotations

import base64
import imaplib
import re
import smtplib
import socket
import threading
import time
from collections import Counter
from typing import ClassVar

import pytest

from province.migration.mailboxes.shut import ALERT
from tests.migration.mail_servers import PASSWORD, MailServer

FOR_GOOD = 500
"""From here on a relay sends a message back to who wrote it."""


class Writer:
    """Writes to one side until it refuses, then to the other; what `write` raises OSError for nobody writes again."""

    def __init__(self, user: str, *sides: MailServer) -> None:
        self.user, self.sides = user, sides
        self.acknowledged: list[int] = []
        self.unanswered: list[int] = []
        self.refusals: list[str] = []
        self.wrong: list[BaseException] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        assert self.wrong == []

    def wait_for(self, more: int) -> None:
        """Until so many more are acknowledged."""
        wanted = len(self.acknowledged) + more
        while len(self.acknowledged) < wanted:
            assert self._thread.is_alive(), self.wrong
            time.sleep(0.01)

    def content(self, number: int) -> bytes:
        head = f"Subject: {self.user} {number}\r\nFrom: a@b.example\r\nMessage-ID: <{number}.{self.user}@b.example>\r\n"
        return f"{head}\r\nThư số {number}\r\n".encode()

    def write(self, side: MailServer, number: int) -> str | None:
        """Why a side refuses; None when it acknowledged. OSError where it did not answer."""
        raise NotImplementedError

    def _run(self) -> None:
        turn = number = 0
        try:
            while not self._stop.is_set():
                try:
                    refusal = self.write(self.sides[turn], number)
                except (imaplib.IMAP4.abort, smtplib.SMTPServerDisconnected, OSError) as error:
                    self.unanswered.append(number)
                    number += 1
                    refusal = repr(error)
                if refusal is None:
                    self.acknowledged.append(number)
                    number += 1
                    time.sleep(0.02)
                else:
                    self.refusals.append(refusal)
                    turn = (turn + 1) % len(self.sides)
                    time.sleep(0.1)
        except BaseException as error:  # noqa: BLE001 - the test shall see it
            self.wrong.append(error)


class Sender(Writer):
    """Delivers over LMTP, as a relay does: what nobody acknowledged is sent again, the same, to who takes mail then."""

    steady: ClassVar[bool] = False
    """Whether it sends all in one session, for as long as a side goes on with it."""
    session: smtplib.LMTP | None = None

    def write(self, side: MailServer, number: int) -> str | None:
        relay, self.session = self.session, None
        try:
            relay = relay or smtplib.LMTP("127.0.0.1", side.lmtp)
            relay.sendmail("a@b.example", [self.user], self.content(number))
        except smtplib.SMTPRecipientsRefused as error:
            return self.later(*error.recipients[self.user])
        except smtplib.SMTPResponseException as error:
            return self.later(error.smtp_code, error.smtp_error)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            return repr(error)
        if self.steady:
            self.session = relay
        else:
            # What a server that is told to end says to a farewell takes nothing back.
            relay.close()
        return None

    def later(self, code: int, said: bytes | str) -> str:
        """What a side said that refuses a message for now."""
        assert code < FOR_GOOD, said
        return f"{code} {said!r}"


class Steady(Sender):
    """A relay that always has more to send."""

    steady = True


class Filer(Writer):
    """Files what it wrote into a folder, and marks it, as a user's program does."""

    def write(self, side: MailServer, number: int) -> str | None:
        try:
            session = login(side, self.user)
        except (imaplib.IMAP4.error, OSError) as error:
            return repr(error)
        kind, said = session.append("INBOX", "\\Flagged", None, self.content(number))
        session.logout()
        return None if kind == "OK" else repr(said)


def login(side: MailServer, user: str) -> imaplib.IMAP4:
    session = imaplib.IMAP4("127.0.0.1", side.imap)
    session.authenticate("PLAIN", lambda _: f"\0{user}\0{PASSWORD}".encode())
    return session


def numbers(side: MailServer, user: str) -> list[int]:
    """The numbers of all that was sent to a user or filed by one, as a user's program sees them."""
    session = login(side, user)
    session.select("INBOX", readonly=True)
    _, found = session.search(None, "SUBJECT", f'"{user} "')
    _, told = session.fetch(b",".join(found[0].split()).decode(), "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    session.logout()
    subjects = [part[1].decode() for part in told if isinstance(part, tuple)]
    return sorted(int(one.split()[-1]) for one in subjects if one.startswith(f"Subject: {user} "))


def none_lost_none_twice(side: MailServer, *writers: Writer) -> None:
    """Of all that was acknowledged, and once each; what was not is there only where nobody answered."""
    for writer in writers:
        kept = numbers(side, writer.user)
        assert set(writer.acknowledged) <= set(kept), "acknowledged and lost"
        twice = [one for one, many in Counter(kept).items() if many > 1]
        assert twice == [], f"doubled: {writer.user} {twice}; refused by {writer.refusals}"
        assert set(kept) <= set(writer.acknowledged) | set(writer.unanswered)


def refused_with_a_reason(side: MailServer) -> None:
    """A user reads, and is told why nothing can be written and that no mark is kept."""
    tried = ("APPEND INBOX {3+}\nabc", "CREATE x", "COPY 1 INBOX", "STORE 1 FLAGS ()", "FETCH 1 BODY[]")
    said = spoken(side, "lan", "SELECT INBOX", *tried)
    assert f"* OK [ALERT] {ALERT}" in said
    assert "[PERMANENTFLAGS ()] Read-only mailbox" in said
    assert "Subject: " in said
    assert re.findall(r"(?m)^a\d (\w+)", said) == ["OK", "OK", "NO", "NO", "NO", "OK", "OK"], said
    with pytest.raises(smtplib.SMTPConnectError, match="keep the message and try again later"):
        smtplib.LMTP("127.0.0.1", side.lmtp)


def spoken(side: MailServer, user: str, *commands: str) -> str:
    """All that a server says to a user who logs in and types these commands, the first answer that of the login."""
    with (
        socket.create_connection(("127.0.0.1", side.imap)) as line,
        line.makefile("rw", encoding="utf-8", errors="replace", newline="\r\n") as file,
    ):
        secret = base64.b64encode(f"\0{user}\0{PASSWORD}".encode()).decode()
        said = [file.readline()]
        for number, command in enumerate([f"AUTHENTICATE PLAIN {secret}", *commands]):
            file.write(f"a{number} {command}\n")
            file.flush()
            while not said[-1].startswith(f"a{number} "):
                said.append(file.readline())
                assert said[-1], said
    return "".join(said)
