"""The rule about change: what Project 06 examined stays as it is until a further examination is written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from infra.policy import cel
from infra.policy.ground import Ground
from infra.policy.record import Declared
from infra.policy.rule import Admission, Demand, Fault, Resources, Rule
from province.fleet.policy import APPROVAL
from province.fleet.policy import FROZEN as FROZEN_LABEL

WHAT_SYSTEMS_ARE_MADE_OF = (
    Resources("", "v1", ("namespaces", "services")),
    Resources("apps", "v1", ("deployments", "statefulsets", "daemonsets")),
    Resources("batch", "v1", ("cronjobs",)),
    Resources("networking.k8s.io", "v1", ("networkpolicies", "ingresses")),
    Resources("postgresql.cnpg.io", "v1", ("clusters",)),
)


def _frozen(objects: Sequence[Declared], ground: Ground) -> Iterator[Fault]:
    """Declared objects show one state, so what is judged here is whether the approval they name is written down.

    The change itself is judged where both states are known: by the API server, and by the guard of plans.
    """
    known = {approval.id for approval in ground.approvals}
    key = ground.words.key(APPROVAL)
    for one in objects:
        named = one.annotations.get(key)
        if named is not None and named not in known:
            yield Fault(one, f"names the approval {named}, which nobody wrote down", "add it to project06-approvals")


def _frozen_demands(ground: Ground) -> list[Demand]:
    known = cel.texts(approval.id for approval in ground.approvals)
    key = cel.text(ground.words.key(APPROVAL))
    approved = f"variables.last.metadata.?annotations[?{key}].orValue('') in {known}"
    still = cel.label(ground.words.key(FROZEN_LABEL), "variables.last")
    untouched = f"request.operation == 'UPDATE' && variables.last.spec == variables.before.spec && {still} == 'true'"
    return [Demand(f"({untouched}) || {approved}", "a system of Project 06 in operation is frozen")]


def _is_frozen(ground: Ground) -> Mapping[str, str]:
    return {"is-frozen": f"{cel.label(ground.words.key(FROZEN_LABEL), 'oldObject')} == 'true'"}


FROZEN = Rule(
    "frozen",
    "what was examined before it was connected to the population database is examined again before it changes",
    "Circular 46/2022/TT-BCA",
    "V18",
    _frozen,
    alone=True,
    admission=Admission(
        WHAT_SYSTEMS_ARE_MADE_OF,
        _frozen_demands,
        variables={"before": "dyn(oldObject)", "last": "request.operation == 'DELETE' ? dyn(oldObject) : dyn(object)"},
        operations=("UPDATE", "DELETE"),
        when=_is_frozen,
    ),
)
