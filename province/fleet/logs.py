"""How many lines wait on a host while its collector cannot be reached, and what a power cut may cost of them."""

from __future__ import annotations

from math import ceil
from typing import Self

from pydantic import PositiveInt, model_validator

from province.fleet.fact import Fact, SourceRef

TAKEN_AT_ONCE = 128
"""Lines that rsyslog takes in its hands at once to send them, beside those that wait; by itself it would take 1,024."""
MIB = 1024 * 1024
MB = 1_000_000


class Logs(Fact):
    """The queue of lines on the disk of every host: `hours` of `host_mb_a_day` MB (10⁶ bytes), `margin` times.

    Lines wait in memory until there are `memory_lines` of them, and go to the disk from then on; every
    `written_every` lines the disk says that it has them. So a power cut during an outage costs no more than both
    together, and what is just being sent, of what is sent on; the host's own files have these, too.

    There is such a queue for a log host of each site. A full one is waited for `patience_ms` for each line, and then
    goes without that line.
    """

    hours: PositiveInt
    host_mb_a_day: PositiveInt
    margin: PositiveInt
    memory_lines: PositiveInt
    written_every: PositiveInt
    patience_ms: PositiveInt
    source: SourceRef

    @model_validator(mode="after")
    def _memory_is_the_smaller_part(self) -> Self:
        if self.memory_lines < 2 * self.written_every:
            raise ValueError(
                f"memory_lines {self.memory_lines} is less than twice written_every {self.written_every}; "
                "the disk would be asked for every few lines that wait"
            )
        return self

    @property
    def lost_at_most(self) -> int:
        """Lines that a power cut during an outage costs at most. Measured: 80 of 110 + 128, 633 of 510 + 128."""
        return self.memory_lines + TAKEN_AT_ONCE + self.written_every

    @property
    def queue_mib(self) -> int:
        """Disk that the queue of one host may fill, in MiB."""
        return ceil(self.hours / 24 * self.host_mb_a_day * self.margin * MB / MIB)
