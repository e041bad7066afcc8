"""The queue of documents on every node, and the hubs at the sites that empty it."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Self

from pydantic import Field, PositiveInt, model_validator

from province.fleet.fact import Fact, NonBlank, Port, RoutingDomain, Slug, SourceRef

CLUSTER = 3
"""Hubs of one site that hold their documents together: a majority of three survives the loss of one."""


class RelayDomain(Fact):
    """The part of one routing domain: an account and ports that no other domain has.

    `uid` is the number of the account `relay-<domain>`; two servers on one host never share one. `client_port` is asked
    by programs of the host itself, `hub_port` by nodes, `cluster_port` by the other hubs of the site.
    """

    uid: Annotated[int, Field(ge=820, le=899)]
    client_port: Port
    hub_port: Port
    cluster_port: Port


class Relay(Fact):
    """How much waits on a node while the province cannot be reached, and how long hubs keep what came.

    The queue holds `hours` of `node_mb_a_day` MB, `margin` times. A subject may have `subject_messages` waiting; one
    message has `message_mb` MB at most. Who sends one again within `repeat_minutes`, by the same id, sent it once.
    """

    hours: PositiveInt
    node_mb_a_day: PositiveInt
    margin: PositiveInt
    message_mb: Annotated[int, Field(ge=1, le=64)]
    subjects: tuple[Slug, ...] = Field(min_length=1)
    subject_messages: PositiveInt
    repeat_minutes: PositiveInt
    hub_days: PositiveInt
    release_every: NonBlank
    domains: dict[RoutingDomain, RelayDomain]
    source: SourceRef

    @model_validator(mode="after")
    def _nothing_is_shared(self) -> Self:
        ports = [port for one in self.domains.values() for port in (one.client_port, one.hub_port, one.cluster_port)]
        for what, values in (("uid", [one.uid for one in self.domains.values()]), ("port", ports)):
            for value in values:
                if values.count(value) > 1:
                    raise ValueError(f"{what} {value} is given twice; the domains are apart, give each its own")
        missing = set(RoutingDomain) - set(self.domains)
        if missing:
            raise ValueError(f"domains: no row for {', '.join(sorted(missing))}; every node belongs to one")
        return self

    @property
    def queue_mb(self) -> int:
        """Disk that the queue of one node may fill, in MB (10⁶ bytes)."""
        return ceil(self.hours / 24 * self.node_mb_a_day * self.margin)
