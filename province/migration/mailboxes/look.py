"""What mailboxes hold, told by the host they lie on: run there by `python3 -I -c`, with the standard library alone.

Folders and flags are told by `doveadm`, messages are read by IMAP, as users' programs read them. Only checksums leave
the host. The question is the one argument, as JSON: `doveadm` and `imap` are words that begin a command, `options` what
both are given beside, where `%u` stands for the user; `users` are those who are asked for; `content` says whether
messages are read, `each` whether they are told one by one. The answer is a line of JSON for each folder.
"""

from __future__ import annotations

import hashlib
import imaplib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

AT_ONCE_BYTES = 16 << 20
"""How much of messages is read at a time; a message that is larger comes alone."""
AT_ONCE = 200
USER = "%u"
PARTS = "(UID BODY.PEEK[HEADER] BODY.PEEK[TEXT])"
UNREADABLE = "unreadable"
Kept = dict[int, tuple[str, str, int]]
"""Flags, date and size of each message, by UID."""


@dataclass
class Asked:
    """The question."""

    doveadm: list[str]
    imap: list[str]
    options: list[str]
    users: list[str]
    content: bool
    each: bool
    kept: dict[tuple[str, str], Kept] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    """Names of folders as IMAP writes them (RFC 3501, 5.1.3); doveadm itself translates."""

    def rows(self, command: str, *rest: str) -> list[dict[str, str]]:
        """What a command of doveadm answers about all users, row by row: at once, where no copy is looked at."""
        found = []
        for user in self.users if self.options else ["*"]:
            words = [*self.doveadm, *self.given(user), "-f", "json", *command.split(), "-u", user, *rest]
            # It names the user only where it was asked for several.
            found += [{"username": user, **row} for row in json.loads(told(*words) or "[]")]
        return found

    def given(self, user: str) -> list[str]:
        """What sends a command to the copy of one user's mailboxes."""
        return [one.replace(USER, user) for one in self.options]

    def folders(self) -> Iterator[dict[str, Any]]:
        """Every folder of these users, in the order of users and names."""
        found = self.rows("mailbox status", "messages uidvalidity uidnext vsize", "*")
        subscribed = {(row["username"], row["mailbox"]) for row in self.rows("mailbox list", "-s")}
        found = sorted((row for row in found if row["username"] in self.users), key=_key)
        if self.content:
            self.prepare(sorted({row["mailbox"] for row in found}))
        texts: dict[tuple[str, str], dict[int, tuple[str, str]]] = {}
        for row in found:
            user, name = _key(row)
            line: dict[str, Any] = {key: int(row[key]) for key in ("messages", "uidvalidity", "uidnext", "vsize")}
            line |= {"user": user, "folder": name, "subscribed": (user, name) in subscribed}
            if self.content:
                if (user, name) not in texts:
                    texts = self.texts(user, [_key(one)[1] for one in found if _key(one)[0] == user])
                kept = self.kept.get((user, name), {})
                one_by_one = [[uid, *kept[uid][:2], *both] for uid, both in sorted(texts[user, name].items())]
                whole = all(UNREADABLE not in both for both in texts[user, name].values())
                line["digest"] = hashlib.sha256(json.dumps(one_by_one).encode()).hexdigest() if whole else UNREADABLE
                line["messages"] = len(one_by_one)
                line |= {"each": one_by_one} if self.each else {}
            yield line

    def prepare(self, names: list[str]) -> None:
        """Flags, dates and sizes of all messages, and how IMAP writes the names of folders."""
        for row in self.rows("fetch", "user mailbox uid flags date.received.unixtime size.virtual", "all"):
            flags = " ".join(sorted(flag for flag in row["flags"].split() if flag != "\\Recent"))
            one = (flags, row["date.received.unixtime"], int(row["size.virtual"]))
            self.kept.setdefault((row["user"], row["mailbox"]), {})[int(row["uid"])] = one
        written = told(*self.doveadm, "mailbox", "mutf7", "-8", *names).splitlines() if names else []
        self.written = dict(zip(names, written, strict=True))

    def texts(self, user: str, names: list[str]) -> dict[tuple[str, str], dict[int, tuple[str, str]]]:
        """SHA-256 of head and body of each message that is still there, by folder and UID."""
        found: dict[tuple[str, str], dict[int, tuple[str, str]]] = {(user, name): {} for name in names}
        full = [name for name in names if self.kept.get((user, name))]
        if not full:
            return found
        session = self.session(user)
        for name in full:
            kept = self.kept[user, name]
            todo = [*batches({uid: size for uid, (_, _, size) in kept.items()})]
            self.enter(session, name)
            while todo:
                some = todo.pop(0)
                try:
                    kind, answer = session.uid("FETCH", ",".join(map(str, some)), PARTS)
                except imaplib.IMAP4.abort:
                    kind, answer, session = "BYE", [], self.session(user)
                    self.enter(session, name)
                # What somebody threw away meanwhile lacks in the answer, and counts for nothing.
                if kind == "OK" or b"EXPUNGE" in repr(answer).encode():
                    found[user, name].update({uid: both for uid, both in digests(answer) if uid in kept})
                elif len(some) == 1:
                    found[user, name][some[0]] = (UNREADABLE, UNREADABLE)
                else:
                    # A message that is not what its server remembers of it may end the session: each alone.
                    todo = [*([uid] for uid in some), *todo]
        session.logout()
        return found

    def session(self, user: str) -> imaplib.IMAP4:
        """A session of a user, who needs no password here."""
        return imaplib.IMAP4_stream(shlex.join([*self.imap, "-u", user, *self.given(user)]))

    def enter(self, session: imaplib.IMAP4, name: str) -> None:
        """Read a folder from now on, and change nothing in it."""
        quoted = '"' + self.written[name].replace("\\", "\\\\").replace('"', '\\"') + '"'
        kind, said = session.select(quoted, readonly=True)
        if kind != "OK":
            sys.exit(f"{name}: {said!r}")


def told(*words: str) -> str:
    """What a program prints; its own words are the error where it fails."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.decode(errors="replace").strip())
    return done.stdout.decode()


def batches(sizes: dict[int, int]) -> Iterator[list[int]]:
    """Messages by size, so many at a time that they fit into memory."""
    some: list[int] = []
    much = 0
    for uid, size in sorted(sizes.items()):
        if some and (much + size > AT_ONCE_BYTES or len(some) >= AT_ONCE):
            yield some
            some, much = [], 0
        some.append(uid)
        much += size
    if some:
        yield some


def digests(answer: Iterable[Any]) -> Iterator[tuple[int, tuple[str, str]]]:
    """SHA-256 of head and body out of an answer to FETCH: pairs of what stands before a literal, and the literal."""
    uid, head = 0, ""
    for part in answer:
        if not isinstance(part, tuple):
            continue
        before, literal = part
        if named := re.search(rb"\bUID (\d+)", before):
            uid = int(named[1])
        digest = hashlib.sha256(literal).hexdigest()
        if b"BODY[HEADER]" in before:
            head = digest
        else:
            yield uid, (head, digest)


def _key(row: dict[str, str]) -> tuple[str, str]:
    return row["username"], row["mailbox"]


if __name__ == "__main__":
    for line in Asked(**json.loads(sys.argv[1])).folders():
        print(json.dumps(line), flush=True)
