"""Where a rotation stands by the environment's trust anchors, and how a step is written there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.manifest.rotations import (
    ROTATIONS,
    Kind,
    Phase,
    Rotation,
    load_rotations,
    newest,
    phase_of,
    rotations_text,
    skipped,
)
from province.manifest.trust import trust_folder
from province.ops.authority_keys import AuthorityKeys
from province.ops.enrol import write_register
from province.pki.anchors import fingerprint, joined, parts
from province.whoami import operator


@dataclass(frozen=True)
class Standing:
    """The rotation of an authority: all rotations of the register, the newest of its own, what its file holds."""

    folder: Path
    kind: Kind
    rows: tuple[Rotation, ...]
    held: tuple[str, ...]

    @classmethod
    def of(cls, fleet: Fleet, kind: Kind) -> Standing:
        """Read it.

        Raises ProvinceError where the environment has no such authority, BadData when file and register disagree.
        """
        folder = trust_folder(fleet)
        if not (folder / kind.file).is_file():
            raise ProvinceError(
                f"{folder / kind.file}: the environment has no such authority",
                hint="what was never there cannot follow another one",
                exit_code=ExitCode.BAD_DATA,
            )
        found = cls(folder, kind, load_rotations(folder), parts((folder / kind.file).read_text(encoding="utf-8")))
        phase_of(found.row, found.held)
        return found

    @property
    def row(self) -> Rotation | None:
        """The rotation under way, else the one that ended last."""
        return newest(self.rows, self.kind)

    @property
    def phase(self) -> Phase:
        """Where it stands."""
        return phase_of(self.row, self.held)

    @property
    def is_over(self) -> bool:
        """Whether no rotation is under way."""
        return self.row is None or self.row.ended is not None

    def refuse(self, wanted: Phase) -> None:
        """Raise ProvinceError for a step that would skip another, or that follows no first one."""
        if self.row is None and wanted is not Phase.BOTH:
            raise ProvinceError(
                f"{self.kind} is not being rotated", hint="begin with --phase both", exit_code=ExitCode.USAGE
            )
        if why := skipped(self.phase, wanted, ended=self.is_over):
            raise ProvinceError(f"{self.kind} cannot go to {wanted}: {why}", exit_code=ExitCode.USAGE)

    def begins(self, wanted: Phase) -> bool:
        """Whether the step is the first one of another rotation."""
        return wanted is Phase.BOTH and self.is_over

    def begun(self, new: str, reason: str, now: datetime) -> Standing:
        """Write down that another authority follows. Not in the file yet: a controller may die in between."""
        if fingerprint(new) in {fingerprint(one) for row in self.rows for one in (row.old, row.new)} | set(
            map(fingerprint, self.held)
        ):
            raise ProvinceError(
                f"{fingerprint(new)} signs already, or did before", hint="make a new key", exit_code=ExitCode.USAGE
            )
        old = self.held[0]
        row = Rotation(kind=self.kind, old=old, new=new, since=now, who=operator(), reason=reason)
        return self._with((*self.rows, row), (old,))

    def moved(self, wanted: Phase, now: datetime) -> Standing:
        """Write down a step: since when the new one signs, then what is accepted."""
        assert self.row is not None  # noqa: S101 - a step follows a beginning
        row = self.row
        signs = {Phase.NEW_SIGNS: row.signs or now, Phase.NEW_ONLY: row.signs}.get(wanted)
        done = self._with(self._changed(row.model_copy(update={"signs": signs})), self.held)
        return done._with(done.rows, row.accepted(wanted))

    def ended(self, now: datetime) -> Standing:
        """Write down that one of both was let go."""
        if self.row is None or self.row.ended or self.phase not in (Phase.OLD_ONLY, Phase.NEW_ONLY):
            return self
        return self._with(self._changed(self.row.model_copy(update={"ended": now})), self.held)

    def _changed(self, row: Rotation) -> tuple[Rotation, ...]:
        return tuple(row if one == self.row else one for one in self.rows)

    def _with(self, rows: Sequence[Rotation], held: Sequence[str]) -> Standing:
        texts = {self.folder / ROTATIONS: rotations_text(rows), self.folder / self.kind.file: joined(held)}
        write_register(
            {path: text for path, text in texts.items() if not path.is_file() or path.read_text("utf-8") != text}
        )
        return Standing(self.folder, self.kind, tuple(rows), tuple(held))


def settle_keys(keys: AuthorityKeys, phase: Phase) -> None:
    """Have the private keys of this controller as a phase wants them; where a keeper has them, nothing is done."""
    if not keys.here:
        return
    if phase in (Phase.NEW_SIGNS, Phase.NEW_ONLY):
        keys.use_next()
    else:
        keys.use_before()
    if phase in (Phase.OLD_ONLY, Phase.NEW_ONLY):
        keys.forget()
