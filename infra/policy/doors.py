"""Rules about what can be reached from outside a cluster, and about the domains that never meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network
from itertools import permutations
from typing import Any

from infra.policy import cel
from infra.policy.ground import Ground, Network
from infra.policy.record import Declared, of_kind
from infra.policy.rule import Admission, Demand, Fault, Rule
from province.fleet.exposed import DOORS

INSIDE = "ClusterIP"
ENTRANCES = tuple(sorted(exposure.value for exposure in DOORS))
"""The classes of entrance that a site can have."""
SIDES = {"ingress": "from", "egress": "to"}
"""The two directions of a network policy, and the key under which each names its peers."""


def _inward(objects: Sequence[Declared], _ground: Ground) -> Iterator[Fault]:
    for one in of_kind(objects, "Service"):
        kind = one.spec.get("type") or INSIDE
        if kind != INSIDE:
            yield Fault(one, f"is of type {kind}", "make it a ClusterIP and let the entrance of the site offer it")
        if one.spec.get("externalIPs"):
            yield Fault(one, "takes over addresses outside the cluster (externalIPs)", "remove them")


def _inward_demands(_ground: Ground) -> list[Demand]:
    """Addresses outside (externalIPs) are refused by an admission plug-in of the API server itself."""
    return [Demand(f"object.spec.?type.orValue('{INSIDE}') == '{INSIDE}'", f"the service is not a {INSIDE}")]


def _addressed(objects: Sequence[Declared], _ground: Ground) -> Iterator[Fault]:
    for one in of_kind(objects, "NetworkPolicy"):
        for side, key in SIDES.items():
            if not all(way.get(key) for way in one.spec.get(side) or ()):
                yield Fault(one, f"opens {side} for everybody", f"name in `{key}` who is meant")


def _addressed_demands(_ground: Ground) -> list[Demand]:
    return [
        Demand(
            f"object.spec.?{side}.orValue([]).all(w, w.?{key}.orValue([]).size() > 0)",
            f"the policy opens {side} for everybody",
        )
        for side, key in SIDES.items()
    ]


def _apart(objects: Sequence[Declared], ground: Ground) -> Iterator[Fault]:
    """All policies of a namespace together: what one lets in, a pod may send out by another."""
    policies = list(of_kind(objects, "NetworkPolicy"))
    for room in sorted({str(one.namespace) for one in policies}):
        inside = [one for one in policies if one.namespace == room]
        for origin, target in permutations(ground.domains, 2):
            comes = [one for one in inside if _touches(one.spec, "ingress", ground.domains[origin])]
            leaves = [one for one in inside if _touches(one.spec, "egress", ground.domains[target])]
            if comes and leaves:
                names = ", ".join(dict.fromkeys(str(one.name) for one in (*comes, *leaves)))
                problem = f"leads from the {origin} to the {target} (policies {names})"
                yield Fault(leaves[0], problem, "give each domain a system of its own")


def _touches(spec: Mapping[str, Any], side: str, domain: Sequence[Network]) -> bool:
    """Whether a policy lets pods speak with any address of a domain in one direction."""
    for way in spec.get(side) or ():
        peers = way.get(SIDES[side])
        if not peers:
            return True
        if any(_meets(peer["ipBlock"], network) for peer in peers if "ipBlock" in peer for network in domain):
            return True
    return False


def _meets(block: Mapping[str, Any], network: Network) -> bool:
    """Whether a block of addresses, less what it leaves out, has addresses of a network."""
    cidr = ip_network(block["cidr"])
    left_out = (ip_network(one) for one in block.get("except") or ())
    return _overlap(cidr, network) and not any(_within(network, one) for one in left_out)


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _within(inner: Network, outer: Network) -> bool:
    return _overlap(inner, outer) and inner.prefixlen >= outer.prefixlen


def _apart_demands(ground: Ground) -> list[Demand]:
    def touches(side: str, domain: Sequence[Network]) -> str:
        known = cel.texts(str(network) for network in domain)
        overlap = "(cidr(p.ipBlock.cidr).containsCIDR(d) || cidr(d).containsCIDR(p.ipBlock.cidr))"
        kept = "!p.ipBlock.?except.orValue([]).exists(e, cidr(e).containsCIDR(d))"
        peer = f"has(p.ipBlock) && {known}.exists(d, {overlap} && {kept})"
        key = SIDES[side]
        way = f"w.?{key}.orValue([]).size() == 0 || w.{key}.exists(p, {peer})"
        return f"object.spec.?{side}.orValue([]).exists(w, {way})"

    return [
        Demand(
            f"!({touches('ingress', ground.domains[origin])} && {touches('egress', ground.domains[target])})",
            f"the policy leads from the {origin} to the {target}",
        )
        for origin, target in permutations(ground.domains, 2)
    ]


def _encrypted(objects: Sequence[Declared], _ground: Ground) -> Iterator[Fault]:
    for one in of_kind(objects, "Ingress"):
        if one.spec.get("ingressClassName") not in ENTRANCES:
            yield Fault(one, "is of no class of entrance", f"name one of {', '.join(ENTRANCES)}")
        known = {host for entry in one.spec.get("tls") or () for host in entry.get("hosts") or ()}
        names = [rule.get("host") for rule in one.spec.get("rules") or ()]
        if one.spec.get("defaultBackend") or not known.issuperset(names):
            yield Fault(one, "offers something without TLS", "list every name under `tls`, and no defaultBackend")


def _encrypted_demands(_ground: Ground) -> list[Demand]:
    known = "object.spec.?tls.orValue([]).exists(t, r.?host.orValue('') in t.?hosts.orValue([]))"
    return [
        Demand(
            f"object.spec.?ingressClassName.orValue('') in {cel.texts(ENTRANCES)}",
            "the ingress is of no class of entrance",
        ),
        Demand(
            f"!has(object.spec.defaultBackend) && object.spec.?rules.orValue([]).all(r, {known})",
            "the ingress offers something without TLS",
        ),
    ]


INWARD = Rule(
    "inward",
    "users come in through the entrance of the site alone, where their traffic is checked and written down",
    "TCVN 14423:2026, 5.12.2.2a: public entries are filtered (control 75)",
    "R1",
    _inward,
    alone=True,
    admission=Admission((cel.SERVICES,), _inward_demands),
)
ADDRESSED = Rule(
    "addressed",
    "a policy that names nobody opens a pod for everybody, whatever the others say",
    "TCVN 14423:2026, 5.12.2.2a: public entries are filtered (control 75)",
    "R1",
    _addressed,
    alone=True,
    admission=Admission((cel.NETWORK_POLICIES,), _addressed_demands),
)
APART = Rule(
    "apart",
    "what belongs to the Party's domain never meets what belongs to the government's",
    "rule of this project, as for hosts (docs/adr/0011)",
    "A",
    _apart,
    alone=False,
    admission=Admission((cel.NETWORK_POLICIES,), _apart_demands),
)
ENCRYPTED = Rule(
    "encrypted",
    "what users read and write is seen by nobody on the way, and everything that has a name has a certificate",
    "TCVN 14423:2026, 5.4.2.4b: TLS 1.2 or newer (control 74)",
    "R1",
    _encrypted,
    alone=True,
    admission=Admission((cel.INGRESSES,), _encrypted_demands),
)
