"""The steps of a move of mailboxes, there and back; each changes nothing where it was done already.

dsync keeps what users' programs go by (UIDVALIDITY, UIDs), so none of them downloads anything again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from province.errors import ProvinceError
from province.fleet.migration import Phase
from province.migration.files.note import Note, NoteBeside
from province.migration.mailboxes.compare import behind, compare
from province.migration.mailboxes.store import MailStore, copy, push

PASSES = 3
"""Passes before the freeze: each one finds less, because it takes less time."""
OVER = frozenset({Phase.CUT_OVER, Phase.SOAKING})
FILTERS = frozenset({"sieve"})
"""Protocols by which users keep what no copy of mailboxes brings over: filters."""


@dataclass(frozen=True)
class MailWay:
    """The old server's mailboxes and the new one's, which take no mail before the cut-over."""

    source: MailStore
    target: MailStore
    drain_seconds: float = 60

    def noted(self) -> Note | None:
        """The note on the new server; None where nothing was provisioned."""
        return NoteBeside(self.target.settings).read()

    def write(self, note: Note) -> None:
        """Put a note in place of the one before, at once."""
        NoteBeside(self.target.settings).write(note)

    def obstacles(self) -> tuple[str, ...]:
        """What cannot be carried over, or could not be refused while it is."""
        found = [f"the new server has no place for {user}" for user in self._unknown(self.source, self.target)]
        protocols = self.source.listed("protocols")
        found += [f"users keep filters ({one}), which do not come along" for one in sorted(protocols & FILTERS)]
        if "lmtp" not in protocols:
            found.append("mail is delivered past the server (no LMTP), so that nobody can refuse it")
        if "acl" in self.source.listed("mail_plugins", "-f", "protocol=imap"):
            found.append("users share folders by access lists (acl), which do not come along")
        return tuple(found)

    def provision(self) -> None:
        """Let the new server refuse writes; mail of others that it holds already is never copied over."""
        if self.noted() is not None:
            return
        users = set(self.source.users()) & set(self.target.users())
        for one in self.target.look(sorted(users), content=False):
            if one.messages:
                raise ProvinceError(
                    f"{self.target.settings.place}: {one.user} {one.folder} holds {one.messages} messages already",
                    hint="a move copies over what is there: take it away by hand, or name another server",
                )
        self.target.shut(self.drain_seconds)
        self.write(Note(phase=Phase.PROVISIONED))

    def replicate(self) -> None:
        """Copy until little is left."""
        self._refuse_after_cut_over()
        for _ in range(PASSES):
            copy(self.source, self.target, self.source.users())
            if self.lag() == 0:
                break
        self._note(Phase.REPLICATING)

    def lag(self) -> int:
        """Bytes of messages that one more pass would copy or take away."""
        return behind(self.source, self.target, self.source.users())

    def frozen(self) -> bool:
        """Whether the old side refuses writes, and the last pass is over."""
        note = self.noted()
        return note is not None and note.phase in {Phase.FROZEN, Phase.CUT_OVER} and self.source.refuses()

    def freeze(self) -> None:
        """Refuse writes and deliveries on the old side, then the last pass."""
        self._refuse_after_cut_over()
        self.source.shut(self.drain_seconds)
        if unknown := self._unknown(self.source, self.target):
            raise ProvinceError(
                f"{self.target.settings.place}: no place for {', '.join(unknown[:10])}",
                hint="they came since it began: give them one there, then ask for the same phase again",
            )
        copy(self.source, self.target, self.source.users())
        self._note(Phase.FROZEN)

    def cut_over(self) -> None:
        """Let users and deliveries in on the new side."""
        note = self.noted()
        if note is None or (note.phase not in OVER and not self.frozen()):
            raise ProvinceError("the new side does not hold what the old one does", hint="freeze it first")
        if note.phase not in OVER:
            # The note first: killed in between, users wait, and nobody copies over the new side.
            self.write(Note(phase=Phase.CUT_OVER, cut_over=datetime.now(UTC)))
        if self.target.refuses():
            self.target.open_(self.drain_seconds)

    def roll_back(self) -> None:
        """The old side takes writes again, and has all that the new side took."""
        note = self.noted()
        if note and note.phase in OVER:
            self.target.shut(self.drain_seconds)
            if unknown := self._unknown(self.target, self.source):
                raise ProvinceError(
                    f"{self.source.settings.place}: no place for {', '.join(unknown[:10])}, who came since",
                    hint="give them one there, then roll back again",
                )
            users = self.target.users()
            push(self.target, self.source, users)
            wrong = compare(self.target, self.source, users)
            if wrong.different or wrong.shapes:
                raise ProvinceError(
                    f"not the same after the way back: {', '.join((*wrong.different, *wrong.shapes)[:10])}",
                    hint="roll back again: neither side takes mail until it is the same",
                )
        if note:
            self.write(Note(phase=Phase.ROLLED_BACK))
        if self.source.refuses():
            self.source.open_(self.drain_seconds)

    def wipe(self) -> None:
        """Take away all mail of the old server, which goes on refusing any."""
        self.source.empty(self.source.users())

    @staticmethod
    def _unknown(here: MailStore, there: MailStore) -> list[str]:
        return sorted(set(here.users()) - set(there.users()))

    def _note(self, phase: Phase) -> None:
        note = self.noted()
        if note is None:
            raise ProvinceError(f"{self.target.settings.place} is not provisioned", hint="provision it first")
        self.write(note.model_copy(update={"phase": phase}))

    def _refuse_after_cut_over(self) -> None:
        note = self.noted()
        if note and note.phase in {*OVER, Phase.RETIRED}:
            raise ProvinceError("users write on the new side", hint="nothing was changed; roll the wave back first")
