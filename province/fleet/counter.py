"""The kiosk of the one-stop counter: where it is found, and how much a citizen may hand in at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, PositiveInt, model_validator

from province.fleet.fact import DeviceName, Fact, Port, RoutingDomain, Slug, SourceRef
from province.fleet.findings import Finding
from province.fleet.references import unresolved

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet

ENCODED = 4 / 3
"""A file takes so many bytes as text (base64, RFC 4648)."""
WORDS_MB = 0.1
"""What a citizen writes, and the names of all fields, take less."""


class Counter(Fact):
    """Nodes of `domain` serve the kiosk at `port` of `zone`.

    What is handed in goes out below the relay's subject `subject`, with files of `files_mb` MB (10⁶ bytes) together.
    `uid` and `door_uid` are the numbers of the accounts that take it in and that let people in.
    """

    domain: RoutingDomain
    zone: DeviceName
    port: Port
    subject: Slug
    files_mb: PositiveInt
    uid: Annotated[int, Field(ge=820, le=899)]
    door_uid: Annotated[int, Field(ge=820, le=899)]
    source: SourceRef

    @model_validator(mode="after")
    def _accounts_are_apart(self) -> Self:
        if self.uid == self.door_uid:
            raise ValueError(f"door_uid {self.door_uid} is that of the kiosk, too; give each its own")
        return self


def check_counter(fleet: Fleet) -> Iterator[Finding]:
    """The zone and the relay's subject are there, and what may be handed in fits into one message of the relay."""
    counter, relay, file = fleet.province.counter, fleet.province.relay, fleet.origins["province"]
    yield from unresolved(file, "counter.zone", counter.zone, [one.id for one in fleet.province.commune_zones], "zone")
    yield from unresolved(file, "counter.subject", counter.subject, relay.subjects, "subject of the relay")
    if counter.files_mb * ENCODED + WORDS_MB > relay.message_mb:
        problem = f"does not fit into a message of {relay.message_mb} MB"
        yield Finding(file, "counter.files_mb", str(counter.files_mb), problem, "files take a third more on their way")
