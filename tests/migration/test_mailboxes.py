"""Mailboxes move between real servers, Dovecot 2.3 to 2.4, while somebody sends and somebody files; there and back."""

from __future__ import annotations

import os
import smtplib
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from province.errors import ProvinceError
from province.fleet.migration import Method, Phase
from province.migration.files.folder import Folder
from province.migration.mailboxes.compare import compare
from province.migration.mailboxes.hands import MailHands
from province.migration.mailboxes.samples import FOLDERS, Mail
from province.migration.mailboxes.way import MailWay
from province.migration.proofs import Wiped
from tests.migration.mail_servers import MailServer, two
from tests.migration.mail_writers import Filer, Sender, login, none_lost_none_twice, refused_with_a_reason
from tests.migration.test_faults import Killed
from tests.migration.test_hands import Conducted, conduct_by

pytestmark = pytest.mark.lab
MAIL = Mail("an-giang", ("lan", "minh"), 16)
FORWARD = (Phase.PROVISIONED, Phase.REPLICATING, Phase.REHEARSED, Phase.FROZEN, Phase.CUT_OVER, Phase.SOAKING)


@pytest.fixture
def servers() -> Iterator[tuple[MailServer, MailServer]]:
    with two(MAIL) as both:
        yield both


@pytest.fixture
def way(servers: tuple[MailServer, MailServer]) -> MailWay:
    return MailWay(servers[0].store, servers[1].store)


@pytest.fixture
def conducted(way: MailWay, servers: tuple[MailServer, MailServer], tmp_path: Path) -> Conducted:
    spare = str(servers[0].place.parent / "spare")
    return conduct_by(lambda desk: MailHands(way, desk, spare), Method.MAILBOXES, tmp_path)


def forward(conducted: Conducted, last: Phase, after: Phase | None = None) -> None:
    move = conducted.order.moves[0]
    for phase in FORWARD[FORWARD.index(after) + 1 if after else 0 : FORWARD.index(last) + 1]:
        if phase is Phase.REHEARSED:
            assert conducted.hands.by_move[move.id].rehearse(move).different == ()
            assert conducted.hands.by_move[move.id].backup(move).different == ()
        outcome = conducted.to(phase)
        assert outcome.phases == {move.id: phase}, outcome.shut


def test_mailboxes_move_and_come_back_while_people_send_and_file(
    servers: tuple[MailServer, MailServer], way: MailWay, conducted: Conducted
) -> None:
    old, new = servers
    with Sender("lan", old, new) as sender, Filer("minh", old, new) as filer:
        writers = (sender, filer)
        forward(conducted, Phase.REPLICATING)
        # What people do meanwhile comes along: a folder goes, a letter is thrown away, another is marked.
        lan = login(old, "lan")
        name = old.store.ask("mailbox", "mutf7", "-8", FOLDERS[3]).strip()
        lan.delete(f'"{name}"')
        lan.select()
        lan.store("1", "+FLAGS", "(\\Deleted)")
        lan.expunge()
        lan.store("1", "+FLAGS", "(\\Answered $Forwarded)")
        lan.logout()
        forward(conducted, Phase.FROZEN, Phase.REPLICATING)
        refused_with_a_reason(old)
        assert conducted.to(Phase.CUT_OVER).shut == ()
        for writer in writers:
            writer.wait_for(3)
        assert conducted.to(Phase.SOAKING).shut == ()
        conducted.back()
        for writer in writers:
            writer.wait_for(3)
    assert conducted.phase() is Phase.ROLLED_BACK
    none_lost_none_twice(old, *writers)
    assert sender.unanswered == []
    assert any("421" in one for one in sender.refusals), sender.refusals
    assert any("NOPERM" in one for one in filer.refusals), filer.refusals


@pytest.mark.parametrize(
    "spoil",
    ["one byte", *(pytest.param(one, marks=pytest.mark.soak) for one in ("attachment", "message", "flag", "folder"))],
)
def test_what_is_planted_in_the_copy_is_found_by_the_gate(
    servers: tuple[MailServer, MailServer], way: MailWay, conducted: Conducted, spoil: str
) -> None:
    move, new = conducted.order.moves[0], servers[1]
    for phase in (Phase.PROVISIONED, Phase.REPLICATING, Phase.FROZEN):
        conducted.hands.by_move[move.id].act(move, phase)
    files = (one for one in sorted(new.homes.glob("lan/Maildir/**/cur/*")) if one.is_file())
    file = next(one for one in files if b"filename" in one.read_bytes())
    before, content = file.stat(), file.read_bytes()
    match spoil:
        case "one byte":
            file.write_bytes(content[:-40] + bytes([content[-40] ^ 1]) + content[-39:])
        case "attachment":
            head, _, rest = content.partition(b"Content-Disposition")
            file.write_bytes(head + b"X" * (len(content) - len(head)) + rest[:0])
        case "message":
            file.unlink()
        case "flag":
            file.rename(f"{str(file).partition(':')[0]}:2,DFRST")
        case _:
            new.store.ask("mailbox", "delete", "-u", "minh", FOLDERS[2])
    if file.exists():
        # As a bad disk does it: neither size nor time say anything.
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    shut = {one.gate: one.said for one in conducted.to(Phase.CUT_OVER).shut}
    assert "contents" in shut, shut
    assert {"folder": f"minh {FOLDERS[2]} message"}.get(spoil, "lan ") in shut["contents"]
    words = {"one byte": ": body", "attachment": ": ", "message": ": lacks", "flag": ": flags", "folder": ": lacks"}
    assert words[spoil] in shut["contents"], shut
    assert conducted.phase() is Phase.FROZEN
    conducted.back()
    assert not way.source.refuses()


@pytest.mark.soak
def test_it_retires_with_an_archive_of_every_message(
    servers: tuple[MailServer, MailServer], way: MailWay, conducted: Conducted
) -> None:
    move = conducted.order.moves[0]
    forward(conducted, Phase.SOAKING)
    archive = conducted.hands.by_move[move.id].backup(move)
    assert (archive.final, archive.items, archive.different) == (True, 32, ())
    conducted.passed = timedelta(days=15)
    conducted.to(Phase.RETIRED)
    assert [one.messages for one in way.source.look(MAIL.users, content=False)] == [0, 0]
    assert sum(one.messages for one in way.target.look(MAIL.users, content=False)) == 32
    assert conducted.book.newest(Wiped, move.id)
    assert servers[0].store.refuses()


@pytest.mark.soak
def test_what_no_move_can_carry_over_is_refused_before_anything_is_copied(
    servers: tuple[MailServer, MailServer], conducted: Conducted
) -> None:
    old, _ = servers
    old.give("moi")
    (old.etc / "conf.d/99-ours.conf").write_text("mail_plugins = acl\nprotocols = imap\n")
    conducted.to(Phase.PROVISIONED)
    (shut,) = conducted.to(Phase.REPLICATING).shut
    assert shut.said == (
        "the new server has no place for moi; mail is delivered past the server (no LMTP), so that nobody can refuse "
        "it; users share folders by access lists (acl), which do not come along"
    )


@pytest.mark.soak
def test_mail_that_the_new_server_holds_already_is_never_copied_over(
    servers: tuple[MailServer, MailServer], conducted: Conducted
) -> None:
    with smtplib.LMTP("127.0.0.1", servers[1].lmtp) as relay:
        relay.sendmail("a@b.example", ["lan"], b"Subject: ours\r\n\r\n")
    with pytest.raises(ProvinceError, match="lan INBOX holds 1 messages already"):
        conducted.to(Phase.PROVISIONED)
    assert conducted.phase() is Phase.DECLARED


@pytest.mark.soak
def test_a_server_that_was_killed_midway_goes_on(
    servers: tuple[MailServer, MailServer], way: MailWay, conducted: Conducted
) -> None:
    move = conducted.order.moves[0]
    hands = conducted.hands.by_move[move.id]
    for phase in (Phase.PROVISIONED, Phase.REPLICATING):
        hands.act(move, phase)
    for server in servers:
        server.kill()
        with pytest.raises(ProvinceError):
            hands.act(move, Phase.FROZEN)
        server.start()
    hands.act(move, Phase.FROZEN)
    servers[0].kill()
    servers[0].start()
    refused_with_a_reason(servers[0])
    assert conducted.to(Phase.CUT_OVER).shut == ()
    assert compare(way.source, way.target, MAIL.users).different == ()


@pytest.mark.soak
def test_a_target_without_room_ends_the_copy_and_it_goes_on_with_room(
    servers: tuple[MailServer, MailServer], way: MailWay
) -> None:
    homes = servers[1].homes
    servers[1].kill()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120k,mode=777", "tmpfs", homes], check=True)
    servers[1].start()
    try:
        way.provision()
        with pytest.raises(ProvinceError, match=r"(?i)space|disk|quota"):
            way.replicate()
        assert not way.source.refuses()
        subprocess.run(["mount", "-o", "remount,size=32m", homes], check=True)
        way.replicate()
        assert way.lag() == 0
    finally:
        servers[1].kill()
        subprocess.run(["umount", homes], check=True)
        servers[1].start()


class Mortal(Folder):
    """A host that kills who asks it, after so many questions to both together."""

    left: ClassVar[int] = 10**9

    def run(self, *words: str, **given: Any) -> str:
        Mortal.left -= 1
        if Mortal.left < 0:
            raise Killed
        return super().run(*words, **given)


@pytest.mark.soak
def test_killed_at_every_step_there_and_back_nothing_is_lost(
    servers: tuple[MailServer, MailServer], way: MailWay, tmp_path: Path
) -> None:
    source, target = (replace(one, settings=Mortal(one.settings.place)) for one in (way.source, way.target))
    mortal = MailWay(source, target)
    conducted = conduct_by(lambda desk: MailHands(mortal, desk, "/nowhere"), Method.MAILBOXES, tmp_path)
    move = conducted.order.moves[0]
    hands = conducted.hands.by_move[move.id]
    for phase in (Phase.PROVISIONED, Phase.REPLICATING):
        hands.act(move, phase)
    for wanted in (Phase.FROZEN, Phase.CUT_OVER, Phase.ROLLED_BACK):
        asked = 0
        while True:
            Mortal.left = asked
            try:
                hands.act(move, wanted)
                break
            except Killed:
                asked += 1
            finally:
                Mortal.left = 10**9
            assert way.source.refuses() or way.target.refuses()
        assert asked > 3
        assert hands.phase(move) is wanted
    assert not way.source.refuses()
    assert sum(one.messages for one in way.source.look(MAIL.users, content=False)) == 32
    assert compare(way.source, way.target, MAIL.users).different == ()


@pytest.mark.soak
def test_the_same_arguments_make_the_same_mail() -> None:
    assert list(MAIL.letters("lan")) == list(replace(MAIL).letters("lan"))
    assert [one.content for one in MAIL.letters("lan")] != [one.content for one in MAIL.letters("minh")]
