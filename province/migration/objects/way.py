"""The steps of a move of a bucket, there and back; each changes nothing where it was done already."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.fact import Fact
from province.fleet.migration import Phase
from province.migration.objects import fence
from province.migration.objects.bucket import Bucket
from province.migration.objects.compare import differing, listed, manifest
from province.migration.objects.copy import copy, empty, lag

PASSES = 3
"""Passes before the freeze: each one finds less, because it takes less time."""
OVER = frozenset({Phase.CUT_OVER, Phase.SOAKING})
LABEL = "province-"
"""Labels of the new bucket that begin so are the note about its move."""
UNCARRIED = {
    "get_bucket_lifecycle_configuration": "rules of its own take objects away (lifecycle), even while it is frozen",
    "get_object_lock_configuration": "objects are locked until a date (object lock), which does not come along",
}


class Note(Fact):
    """What both sides cannot be asked: the phase, when it was cut over, and what the old side held when it was shut.

    `held` is a checksum of its list; null as soon as a way back changes it.
    """

    phase: Phase
    cut_over: datetime | None = None
    held: str | None = None


@dataclass(frozen=True)
class ObjectsWay:
    """The old bucket and the new one, which takes no writes of users before the cut-over.

    `settle_seconds`: how long an upload lasts at most. A server lets those end that began before it refused, and tells
    nobody of them; so a side counts as shut when for so long nothing came any more. `drain_seconds` bounds the wait.
    """

    source: Bucket
    target: Bucket
    settle_seconds: float
    drain_seconds: float = 3600

    def noted(self) -> Note | None:
        """The note at the new bucket; None where nothing was provisioned."""
        if not self.target.is_there():
            return None
        found = {key.removeprefix(LABEL): value for key, value in self.target.labels().items() if key.startswith(LABEL)}
        if not found:
            return None
        try:
            return Note.model_validate({key.replace("-", "_"): value for key, value in found.items()})
        except ValidationError as error:
            raise ProvinceError(
                f"{self.target.place}: labels {LABEL}*: {error.errors()[0]['msg']}",
                hint="somebody changed them: write the phase that the journal names last",
                exit_code=ExitCode.BAD_DATA,
            ) from None

    def write(self, note: Note) -> None:
        """Put a note in place of the one before, at once."""
        own = {key: value for key, value in self.target.labels().items() if not key.startswith(LABEL)}
        said = note.model_dump(mode="json", exclude_none=True)
        self.target.label(own | {LABEL + key.replace("_", "-"): value for key, value in said.items()})

    def obstacles(self) -> tuple[str, ...]:
        """What cannot be carried over."""
        if not self.source.is_there():
            return (f"no bucket {self.source.name} on the old side",)
        found = [why for verb, why in UNCARRIED.items() if self.source.said(verb)]
        if self.source.versioned() == "Suspended":
            # A later write would stand beside the newest version instead of replacing it.
            found.append("its versions are suspended: let it keep them again, or take all but the newest away")
        return tuple(found)

    def provision(self) -> None:
        """Make the new bucket, and let it refuse writes; what others hold there already is never copied over."""
        if self.noted() is not None:
            return
        self.target.make(self.source.versioned())
        if held := self.target.versions():
            raise ProvinceError(
                f"{self.target.place} holds {len(held)} keys already",
                hint="a move copies over what is there: take them away by hand, or name another bucket",
            )
        if rules := self.source.said("get_bucket_cors"):
            self.target.ask("put_bucket_cors", CORSConfiguration={"CORSRules": rules["CORSRules"]})
        fence.shut(self.target)
        self.write(Note(phase=Phase.PROVISIONED))

    def replicate(self) -> None:
        """Copy until little is left."""
        self._refuse_after_cut_over()
        for number in range(PASSES):
            copy(self.source, self.target, deep=number == 0)
            if self.lag() == 0:
                break
        self._note(Phase.REPLICATING)

    def lag(self) -> int:
        """Bytes of versions that one more pass would copy or take away."""
        return lag(self.source, self.target)

    def frozen(self) -> bool:
        """Whether the old side refuses writes, and the last pass is over."""
        note = self.noted()
        return note is not None and note.phase in {Phase.FROZEN, Phase.CUT_OVER} and fence.refuses(self.source)

    def freeze(self) -> None:
        """Refuse writes on the old side, then the last pass, and one more for each upload that was under way."""
        self._refuse_after_cut_over()
        self._drain(self.source, self.target)
        self.write(self._noted().model_copy(update={"phase": Phase.FROZEN, "held": listed(self.source)}))

    def cut_over(self) -> None:
        """Let users write on the new side."""
        note = self.noted()
        if note is None or (note.phase not in OVER and not self.frozen()):
            raise ProvinceError("the new side does not hold what the old one does", hint="freeze it first")
        if note.phase not in OVER:
            # The note first: killed in between, users wait, and nobody copies over the new side.
            self.write(note.model_copy(update={"phase": Phase.CUT_OVER, "cut_over": datetime.now(UTC)}))
        fence.open_(self.target)

    def strayed(self) -> bool:
        """Whether something came to the old side after it was shut, which the new one then lacks."""
        note = self.noted()
        return note is not None and note.held is not None and listed(self.source) != note.held

    def roll_back(self) -> None:
        """The old side takes writes again, and has all that the new side took."""
        note = self.noted()
        if note and note.phase in OVER:
            if self.strayed():
                raise ProvinceError(
                    f"{self.source.place} took writes after it was shut, and a way back would take them away",
                    hint="carry them over to the new side by hand, take them away there, then roll back again",
                )
            # Users may write to neither while one follows the other.
            fence.shut(self.source)
            self.write(note.model_copy(update={"held": None}))
            self._drain(self.target, self.source)
            if wrong := differing(manifest(self.target), manifest(self.source)):
                raise ProvinceError(
                    f"{self.source.place}: not the same after the way back: {', '.join(wrong[:10])}",
                    hint="roll back again: neither side takes writes until it is the same",
                )
        if note:
            self.write(Note(phase=Phase.ROLLED_BACK))
        fence.open_(self.source)

    def wipe(self) -> None:
        """Take everything out of the old bucket, which goes on refusing writes."""
        empty(self.source)

    def _drain(self, here: Bucket, there: Bucket) -> None:
        """Let one side refuse writes, and the other follow until nothing comes any more."""
        fence.shut(here)
        end, seen, since, deep = time.monotonic() + self.drain_seconds, None, 0.0, True
        while True:
            now = here.versions()
            if now != seen:
                if time.monotonic() > end:
                    raise ProvinceError(
                        f"{here.place}: writes still came {self.drain_seconds:.0f} s after it refused them",
                        hint="somebody may write in spite of the rule; stop him, then ask for the same phase again",
                    )
                seen, since = now, time.monotonic()
                copy(here, there, deep=deep)
                deep = False
            elif time.monotonic() - since >= self.settle_seconds:
                return
            else:
                time.sleep(min(0.5, self.settle_seconds / 4))

    def _note(self, phase: Phase) -> None:
        self.write(self._noted().model_copy(update={"phase": phase}))

    def _noted(self) -> Note:
        note = self.noted()
        if note is None:
            raise ProvinceError(f"{self.target.place} is not provisioned", hint="provision it first")
        return note

    def _refuse_after_cut_over(self) -> None:
        note = self.noted()
        if note and note.phase in {*OVER, Phase.RETIRED}:
            raise ProvinceError("users write on the new side", hint="nothing was changed; roll the wave back first")
