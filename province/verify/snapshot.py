"""What a host answered in one round trip, and whether that may still be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OLDEST_SECONDS = 900.0
"""An answer that is older says what was true, not what is."""


@dataclass(frozen=True)
class Stamp:
    """What was applied last: the text of the host's own record, and when that was written (nanoseconds)."""

    text: str = ""
    written: int = 0


@dataclass(frozen=True)
class Said:
    """How a command ended on the host. `hung`: it did not, and was killed."""

    code: int
    out: bytes
    err: bytes
    hung: bool = False


@dataclass(frozen=True)
class Snapshot:
    """All answers of one host, by command.

    boot: the kernel's boot id. before, after: what was applied when the first and the last command ran. taken:
    seconds of this machine's own clock (`time.monotonic`), so that a host's wrong clock makes nothing younger.
    banner: what the host said before it let us in.
    """

    boot: str
    before: Stamp
    after: Stamp
    taken: float
    said: Mapping[str, Said] = field(default_factory=dict)
    banner: str = ""

    def refusal(self, now: float) -> str:
        """Why it may not be used, else empty."""
        if self.before != self.after:
            return "something was applied while the host was asked"
        age = now - self.taken
        return f"it is {age:.0f} s old (limit {OLDEST_SECONDS:.0f} s)" if age > OLDEST_SECONDS else ""
