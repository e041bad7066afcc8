"""What a room may open to systems of others, outside the province."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

import pulumi

from infra.components.system_namespace import SystemNamespace
from infra.marks import COMPONENT, PART_OF, marks_of, vocabulary
from infra.objects import Kind, Objects
from province.fleet.connections import Departure
from province.fleet.endpoint import Endpoint
from province.fleet.fleet import Fleet
from province.fleet.system import System


class ExternalAccess(pulumi.ComponentResource):
    """The allow-list of one room: a policy for each declared flow to an endpoint, by its address and port.

    A policy of the cluster knows addresses and no names. As long as nobody has told us the address of an endpoint,
    the way there stays shut (`known`).
    """

    def __init__(self, departures: Iterable[Departure], *, room: SystemNamespace, fleet: Fleet) -> None:
        system = room.system
        parent = pulumi.ResourceOptions(parent=room.namespace)
        super().__init__("province:systems:ExternalAccess", f"{system.id}/external", None, parent)
        objects = Objects(system.id, marks_of(system, fleet), self)
        words = vocabulary(fleet)
        for one in departures:
            said = {words.key("why"): one.why, words.key("flow-declared-in"): one.declared_in}
            objects.make(Kind.NETWORK_POLICY, leaving(one), _leaves(one), annotations=said)
        self.register_outputs({})


def known(departures: Iterable[Departure], system: System) -> list[Departure]:
    """The flows of one system to endpoints of which address and port are known."""
    return [one for one in departures if one.origin.room == system.id and address_of(one.endpoint) is not None]


def leaving(one: Departure) -> str:
    """The name of the policy for a flow to an endpoint."""
    return f"{one.origin.component}-to-external-{one.endpoint.id}"


def address_of(endpoint: Endpoint) -> str | None:
    """The address of an endpoint as a network of one; None while address or port are not known."""
    if endpoint.host is None or endpoint.port is None:
        return None
    try:
        address = ip_address(endpoint.host)
    except ValueError:
        return None
    return f"{address}/{address.max_prefixlen}"


def _leaves(one: Departure) -> dict[str, object]:
    pods = {PART_OF: one.origin.room, COMPONENT: one.origin.component}
    way = {
        "to": [{"ipBlock": {"cidr": address_of(one.endpoint)}}],
        "ports": [{"protocol": "TCP", "port": one.endpoint.port}],
    }
    return {"spec": {"podSelector": {"matchLabels": pods}, "policyTypes": ["Egress"], "egress": [way]}}
