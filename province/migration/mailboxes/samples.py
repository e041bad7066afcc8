"""An old province's mail, made up: the same arguments, the same messages, byte for byte.

Nobody publishes how much mail an office keeps; folders, sizes and shares are made up. Subjects, folders and attachments
have Vietnamese names, so that every encoding of mail is met.
"""

from __future__ import annotations

import imaplib
import random
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP

from province.errors import ProvinceError
from province.migration.mailboxes.store import MailStore

FOLDERS = ("INBOX", "Đã gửi", "Văn bản đến/Quý 1", "Văn bản đến/Quý 2", 'Báo cáo & "mật"')
_FLAGS = ("", "\\Seen", "\\Seen \\Answered", "\\Seen \\Flagged", "\\Seen $Forwarded", "\\Draft")
_KINDS = ("Công văn", "Quyết định", "Tờ trình", "Báo cáo", "Thông báo", "Giấy mời")
_BEGINS = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Letter:
    """One message as it lies in a folder."""

    folder: str
    flags: str
    date: datetime
    content: bytes


@dataclass(frozen=True)
class Mail:
    """So many messages of each user, every `every`-th with an attachment of about `attachment_bytes`."""

    province: str
    users: tuple[str, ...]
    messages: int
    every: int = 4
    attachment_bytes: int = 24_000

    def letters(self, user: str) -> Iterator[Letter]:
        """A user's messages, in the order in which they came."""
        chance = random.Random(f"{self.province}/{user}/{self.messages}")  # noqa: S311 - made-up mail, no secret
        for number in range(1, self.messages + 1):
            date = _BEGINS + timedelta(days=180) * (number / (self.messages + 1))
            letter = EmailMessage(policy=SMTP)
            letter["From"] = f"Văn phòng <van-phong@{self.province}.example>"
            letter["To"] = f"{user}@{self.province}.example"
            letter["Subject"] = f"{chance.choice(_KINDS)} số {number} về việc thứ {chance.randint(1, 999)}"
            letter["Message-ID"] = f"<{number}.{user}@{self.province}.example>"
            letter["Date"] = date
            letter.set_content(f"Kính gửi {user},\n\nNội dung thứ {number}: {chance.random()}\n.\n", cte="8bit")
            if number % self.every == 0:
                content = chance.randbytes(round(self.attachment_bytes * chance.uniform(0.25, 1.75)))
                name = f"văn bản {number}.pdf"
                letter.add_attachment(content, maintype="application", subtype="pdf", filename=name)
                letter.set_boundary(f"=={number}==")
            yield Letter(chance.choice(FOLDERS), chance.choice(_FLAGS), date, letter.as_bytes())

    def load(self, store: MailStore) -> None:
        """Put all of it into the mailboxes of a server, which must have these users; ProvinceError where it refuses."""
        names = store.ask("mailbox", "mutf7", "-8", *FOLDERS).splitlines()
        quoted = {
            folder: '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
            for folder, name in zip(FOLDERS, names, strict=True)
        }
        for user in self.users:
            session = imaplib.IMAP4_stream(shlex.join(store.sent("exec", "imap", "-u", user)))
            for folder in FOLDERS[1:]:
                session.create(quoted[folder])
            session.subscribe(quoted[FOLDERS[1]])
            for letter in self.letters(user):
                said = session.append(quoted[letter.folder], f"({letter.flags})", letter.date, letter.content)
                if said[0] != "OK":
                    raise ProvinceError(f"{store.settings.place}: {user} {letter.folder}: {said[1]!r}")
            session.logout()
