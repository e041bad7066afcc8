"""What is being delivered when a real mail server is shut: kept and answered, or neither."""

from __future__ import annotations

import smtplib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from province.migration.mailboxes.drain import PATIENCE_SECONDS
from province.migration.mailboxes.samples import Mail
from province.migration.mailboxes.way import MailWay
from tests.migration.mail_servers import MailServer, two
from tests.migration.mail_writers import Sender, Steady, none_lost_none_twice

pytestmark = pytest.mark.lab
MAIL = Mail("an-giang", ("lan", "minh", "ba"), 4)
FREEZES = 20
ENDED_BY_THE_SERVER = 6
"""Seconds after which a server ends every process of before, whatever it does (SERVICE_DIE_TIMEOUT_MSECS)."""


@pytest.fixture
def servers() -> Iterator[tuple[MailServer, MailServer]]:
    with two(MAIL) as both:
        yield both


def refuses_mail(side: MailServer) -> bool:
    try:
        smtplib.LMTP("127.0.0.1", side.lmtp).close()
    except smtplib.SMTPConnectError:
        return True
    return False


def test_a_delivery_that_is_under_way_gets_its_answer_before_a_server_counts_as_shut(
    servers: tuple[MailServer, MailServer],
) -> None:
    for side in servers:
        with socket.create_connection(("127.0.0.1", side.lmtp)) as line, line.makefile("rw", newline="\r\n") as file:
            for words in ("LHLO a", "MAIL FROM:<a@b.example>", "RCPT TO:<lan>", "DATA"):
                print(words, file=file, flush=True)
            print("Subject: under way\n", file=file, flush=True)
            with ThreadPoolExecutor() as pool:
                shut = pool.submit(side.store.shut, 60)
                while not refuses_mail(side):
                    assert not shut.done(), shut.exception()
                assert not shut.done()
                print(".\nQUIT", file=file, flush=True)
                assert "250 2.0.0 <lan>" in file.read()
                shut.result()
        assert side.store.ask("search", "-u", "lan", "header", "subject", "under way").strip()


@pytest.mark.soak
def test_a_session_that_its_relay_keeps_is_ended_between_messages(servers: tuple[MailServer, MailServer]) -> None:
    for side in servers:
        with smtplib.LMTP("127.0.0.1", side.lmtp) as relay:
            relay.sendmail("a@b.example", ["lan"], b"Subject: one\r\n\r\n")
            began = time.monotonic()
            side.store.shut(60)
            assert PATIENCE_SECONDS <= time.monotonic() - began < ENDED_BY_THE_SERVER
            code, said = relay.noop()
        assert code == 421, said


@pytest.mark.soak
def test_no_delivery_is_cut_off_by_any_of_many_freezes(servers: tuple[MailServer, MailServer]) -> None:
    """What a server has kept it has answered, so a relay that sends the rest again doubles none (RFC 1047)."""
    way = MailWay(servers[0].store, servers[1].store)
    way.provision()
    with Sender("lan", *servers) as lan, Steady("minh", *servers) as minh, Sender("ba", *servers) as ba:
        writers = (lan, minh, ba)
        for _ in range(FREEZES):
            way.replicate()
            way.freeze()
            way.cut_over()
            for writer in writers:
                writer.wait_for(3)
            way.roll_back()
            for writer in writers:
                writer.wait_for(3)
    none_lost_none_twice(servers[0], *writers)
    assert [writer.unanswered for writer in writers] == [[], [], []]
