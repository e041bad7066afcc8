"""Hands for a move whose users come by name: what the other hands do, and its names before that.

Names go first: killed in between, users wait at a side that refuses them, and the step is done again. At no moment does
a name lead to the old side while the new one takes writes, but for what somebody may still keep; that is why it is kept
short long before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from province.errors import ExitCode, ProvinceError
from province.fleet.migration import Move, Phase
from province.migration.gates import Measured
from province.migration.names.zone import Name
from province.migration.proofs import Backup, Rehearsal

if TYPE_CHECKING:
    from province.migration.hands import MoveHands

SHORT_S = 30
"""How long a name is kept from when copies follow until the move is over: the project's figure (source A)."""


@dataclass(frozen=True)
class Switch:
    """A name that leads to the old side, and will to the new one."""

    name: Name
    old: frozenset[str]
    new: frozenset[str]

    def shorten(self, now: datetime) -> None:
        """Let nobody keep it for long; how long that was before, and since when it is so, is noted beside it."""
        if not self.name.note():
            was = self.name.read()
            self._known(was.addresses)
            since = now.astimezone(UTC).isoformat(timespec="seconds")
            self.name.write(was.addresses, SHORT_S, f"{was.ttl} s until {since}")

    def waits(self, now: datetime) -> str | None:
        """Why somebody may still keep it for long; None when nobody can."""
        noted = self._noted()
        if noted is None:
            return f"{self.name.name} is kept for {self.name.read().ttl} s"
        ttl, since = noted
        end = since + timedelta(seconds=ttl)
        return f"{self.name.name} may be kept until {end:%H:%M:%S} UTC" if now < end else None

    def lead(self, *, new: bool) -> None:
        """Let it lead to one side."""
        wanted, was = (self.new if new else self.old), self.name.read()
        self._known(was.addresses)
        if was.addresses != wanted:
            self.name.write(wanted, was.ttl, self.name.note())

    def leads_to_new(self) -> bool:
        """Whether it does."""
        return self.name.read().addresses == self.new

    def lengthen(self) -> None:
        """Let it be kept as long as before the move."""
        if noted := self._noted():
            self.name.write(self.name.read().addresses, noted[0], "")

    def _noted(self) -> tuple[int, datetime] | None:
        said = self.name.note()
        if not said:
            return None
        found = re.fullmatch(r"(\d+) s until (\S+)", said)
        if found is None:
            raise ProvinceError(
                f"{self.name.server}: the TXT record beside {self.name.name} is no note of ours: {said[:80]}",
                hint="remove it, then ask for the same phase again",
                exit_code=ExitCode.BAD_DATA,
            )
        return int(found[1]), datetime.fromisoformat(found[2])

    def _known(self, addresses: frozenset[str]) -> None:
        if addresses not in {self.old, self.new}:
            raise ProvinceError(
                f"{self.name.name} leads to {', '.join(sorted(addresses))}, which is neither side",
                hint="mend `old_names` of the environment, or the record; nothing was switched",
            )


@dataclass(frozen=True)
class NamedHands:
    """Acts on the names of a move, and then lets other hands act."""

    inner: MoveHands
    switches: tuple[Switch, ...]

    def phase(self, move: Move) -> Phase:
        """Where a move stands: names only ever go before."""
        return self.inner.phase(move)

    def measure(self, move: Move, wanted: Phase, /) -> Measured:
        """What the other hands measure, and how the names are."""
        seen = self.inner.measure(move, wanted)
        if wanted is Phase.FROZEN:
            now = datetime.now(UTC)
            waiting = tuple(why for one in self.switches if (why := one.waits(now)))
            return seen.model_copy(update={"names_waiting": waiting})
        if wanted is Phase.SOAKING:
            astray = [one.name.name for one in self.switches if not one.leads_to_new()]
            wrong = (f"{name} does not lead to the new side" for name in astray)
            failed = None if seen.probes_failed is None else (*seen.probes_failed, *wrong)
            return seen.model_copy(update={"probes_failed": failed})
        return seen

    def act(self, move: Move, wanted: Phase) -> None:
        """Names, then everything else."""
        for one in self.switches:
            match wanted:
                case Phase.REPLICATING:
                    one.shorten(datetime.now(UTC))
                case Phase.CUT_OVER:
                    one.lead(new=True)
                case Phase.RETIRED:
                    one.lengthen()
                case Phase.ROLLED_BACK:
                    one.lead(new=False)
                    one.lengthen()
                case _:
                    pass
        self.inner.act(move, wanted)

    def written_since_cut_over(self, move: Move, /) -> int | None:
        """As the other hands say."""
        return self.inner.written_since_cut_over(move)

    def strayed(self, move: Move, /) -> int | None:
        """As the other hands say."""
        return self.inner.strayed(move)

    def rehearse(self, move: Move) -> Rehearsal:
        """As the other hands do: a copy has no name."""
        return self.inner.rehearse(move)

    def backup(self, move: Move) -> Backup:
        """As the other hands do."""
        return self.inner.backup(move)
