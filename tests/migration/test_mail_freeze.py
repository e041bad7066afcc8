"""What is being delivered when a real mail server is shut: kept and answered, or neither."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from province.migration.mailboxes.samples import Mail
from province.migration.mailboxes.way import MailWay
from tests.migration.mail_servers import MailServer, two
from tests.migration.mail_writers import Sender, none_lost_none_twice

pytestmark = pytest.mark.lab
MAIL = Mail("an-giang", ("lan", "minh"), 4)
FREEZES = 20


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
def test_a_session_that_never_ends_is_ended_when_its_time_is_over(servers: tuple[MailServer, MailServer]) -> None:
    with smtplib.LMTP("127.0.0.1", servers[0].lmtp) as relay:
        servers[0].store.shut(1)
        code, said = relay.noop()
    assert (code, said.endswith(b"Shutting down")) == (421, True), said


@pytest.mark.soak
def test_no_delivery_is_cut_off_by_any_of_many_freezes(servers: tuple[MailServer, MailServer]) -> None:
    """What a server has kept it has answered, so a relay that sends the rest again doubles none (RFC 1047)."""
    way = MailWay(servers[0].store, servers[1].store)
    way.provision()
    with Sender("lan", *servers) as lan, Sender("minh", *servers) as minh:
        for _ in range(FREEZES):
            way.replicate()
            way.freeze()
            way.cut_over()
            for writer in (lan, minh):
                writer.wait_for(3)
            way.roll_back()
            for writer in (lan, minh):
                writer.wait_for(3)
    none_lost_none_twice(servers[0], lan, minh)
    said = [one for writer in (lan, minh) for one in writer.refusals]
    assert [one for one in said if "Shutting down" in one] == []
