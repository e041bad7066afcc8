"""An action as an operator reads it: what would be done, and one line for each host while it is done."""

from __future__ import annotations

from collections.abc import Iterator

from province.rollout.entries import AnyEntry, Applied, Back, Result, Returned, Verified
from province.rollout.plan import Plan


def planned(plan: Plan) -> Iterator[str]:
    """What would be done, hosts with the same line together; then hosts that need nothing or did not answer."""
    for group in plan.groups:
        yield f"would {'; '.join(group.changes)}"
        yield f"  {len(group.hosts)} hosts: {' '.join(group.hosts)}"
    if plan.as_declared:
        yield f"nothing to do on {len(plan.as_declared)} hosts: {' '.join(plan.as_declared)}"
    for host, why in plan.lost.items():
        yield f"out of reach, not part of it  {host}: {(why.strip().splitlines() or ['no reason'])[-1]}"


def narrated(entry: AnyEntry) -> str:
    """What a line of the journal says of a host; empty for lines that are about none."""
    match entry:
        case Applied(host=host, result=result, said=said):
            return f"{host:<28} {said if result in (Result.OK, Result.CHANGED) else f'{result}: {said}'}"
        case Verified(host=host, result=result, said=said):
            return f"{host:<28} {'healthy' if result is Result.OK else f'{result}: {said}'}"
        case Returned(host=host, back=back, said=said):
            return f"{host:<28} {'went back' if back is Back.BACK else back}: {said}"
        case _:
            return ""
