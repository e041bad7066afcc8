"""Sensors of a commune: the broker on its node that keeps their measurements, the hubs, and the devices themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from math import ceil
from typing import Annotated, Self

from pydantic import Field, PositiveInt, model_validator

from province.fleet.fact import DeviceName, Fact, FeatureId, Port, RoutingDomain, Slug, SourceRef
from province.fleet.findings import Finding
from province.fleet.references import unresolved
from province.fleet.row import Row

MIB = 1024 * 1024
ENTRY_BYTES = 512
"""What a broker holds beside a message that waits for two hubs. Measured: 380 (mosquitto 2.0.21, test_sensors.py)."""
STORED_BYTES = 200
"""What a message takes on the disk beside topic and content. Measured: 208."""
BARE_BYTES = 8 * MIB
"""What it holds without any message, with room for the connections of a zone."""
BESIDE = 1.5
"""Of its memory, what the system may give the server before it ends it: the server itself refuses first."""


class Device(Row):
    """A device that may send measurements. `id` is the name in its certificate and of its topic."""

    id: Slug
    kind: Slug
    commune: Annotated[str, Field(pattern=r"^\d{5}$")]
    source: SourceRef
    verified: bool = False
    features: tuple[FeatureId, ...] = ()


class Sensors(Fact):
    """How measurements get from a commune's zone to the sites, and how much waits while the line is cut.

    Devices of `zone` come to the node's `port`, nodes of `domain` to the same port of a hub, programs of the host
    itself to `local_port`. The queue holds `hours` of a message of at most `message_bytes` each `every_s` seconds from
    every device that the zone has an address for, `margin` times. `reader_messages`: how many messages a hub keeps for
    a reader that is away or slow.
    """

    domain: RoutingDomain
    zone: DeviceName
    topic: Slug
    port: Port
    local_port: Port
    hours: PositiveInt
    every_s: PositiveInt
    message_bytes: Annotated[int, Field(ge=64, le=65536)]
    margin: PositiveInt
    reader_messages: PositiveInt
    source: SourceRef

    @model_validator(mode="after")
    def _doors_are_apart(self) -> Self:
        if self.port == self.local_port:
            raise ValueError(f"local_port {self.local_port} is the port of devices, too; give each its own")
        return self

    def queue_messages(self, devices: int) -> int:
        """How many messages of so many devices wait for one hub at most."""
        return ceil(self.hours * 3600 / self.every_s * devices * self.margin)

    def alarm_bytes(self, devices: int) -> int:
        """How large the store of a broker is when a queue of the smallest messages is half full."""
        return min(self.queue_messages(devices), self.reader_messages) * STORED_BYTES // 2

    def memory_mib(self, messages: int) -> int:
        """What a server needs that holds so many messages, each as large as allowed."""
        return ceil((BARE_BYTES + messages * (self.message_bytes + ENTRY_BYTES)) / MIB)


def devices_at_most(ipv4_prefix: int) -> int:
    """How many devices a zone has addresses for: all but the network's, the node's and the one for everybody."""
    return (1 << (32 - ipv4_prefix)) - 3


def check_sensors(
    rules: Sensors,
    devices: Iterable[Device],
    *,
    communes: Collection[str],
    zones: Mapping[str, int],
    file: str,
    province_file: str,
) -> list[Finding]:
    """The zone is there, devices stand in communes that are there, and no zone has more of them than addresses.

    `communes` are codes, `zones` the communes' zones with the length of their IPv4 prefix.
    """
    found = unresolved(province_file, "sensors.zone", rules.zone, zones, "zone of a commune")
    listed = tuple(devices)
    for one in listed:
        found += unresolved(file, f"rows.{one.id}.commune", one.commune, communes, "commune")
    if rules.zone in zones:
        most = devices_at_most(zones[rules.zone])
        found += [
            Finding(
                file, "rows", f"{count} in {commune}", f"zone {rules.zone} has addresses for {most}", "widen the zone"
            )
            for commune, count in sorted(Counter(one.commune for one in listed).items())
            if count > most
        ]
    return found
