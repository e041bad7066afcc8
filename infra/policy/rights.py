"""Rules about who may do what through the API server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.policy import cel
from infra.policy.ground import Ground
from infra.policy.record import Declared
from infra.policy.rule import Admission, Demand, Fault, Rule

ADMINISTRATOR = "cluster-admin"
BINDINGS = ("RoleBinding", "ClusterRoleBinding")
ROLES = ("Role", "ClusterRole")
EVERYTHING = "*"


def _modest(objects: Sequence[Declared], _ground: Ground) -> Iterator[Fault]:
    for one in objects:
        if one.kind in BINDINGS and (one.body.get("roleRef") or {}).get("name") == ADMINISTRATOR:
            yield Fault(one, f"binds to {ADMINISTRATOR}", "bind to a role that names what it needs")
        if one.kind in ROLES and any(map(_allows_everything, one.body.get("rules") or ())):
            yield Fault(one, "allows every verb on every resource", "name the verbs and resources that are needed")


def _allows_everything(rule: Mapping[str, Any]) -> bool:
    return EVERYTHING in (rule.get("verbs") or ()) and EVERYTHING in (rule.get("resources") or ())


def _modest_demands(_ground: Ground) -> list[Demand]:
    rules = "(has(variables.role.rules) && variables.role.rules != null ? variables.role.rules : [])"
    return [
        Demand(
            f"variables.role.?roleRef.?name.orValue('') != {cel.text(ADMINISTRATOR)}",
            f"the binding is to {ADMINISTRATOR}",
        ),
        Demand(
            f"!{rules}.exists(r, r.?verbs.orValue([]).exists(v, v == '*') && "
            "r.?resources.orValue([]).exists(v, v == '*'))",
            "the role allows every verb on every resource",
        ),
    ]


MODEST = Rule(
    "modest",
    "an account has the rights that its work needs: with all of them, one stolen key is the whole cluster",
    "TCVN 14423:2026, 5.6: control of access",
    "R1",
    _modest,
    alone=True,
    admission=Admission((cel.RIGHTS,), _modest_demands, {"role": "dyn(object)"}),
)
