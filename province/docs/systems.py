"""One page for each pillar, with everything that the model knows of each of its systems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from province.docs.flow_rows import FlowRow, touching
from province.docs.page import NOTHING, code, listed, page, table
from province.docs.pictures import PLATFORM, group_of, neighbours
from province.fleet.exposed import exposed_names
from province.fleet.public_names import Mail
from province.fleet.requests import Pods, pods_of
from province.fleet.sizing import Sized, size, text
from province.fleet.system import ComponentKind, Pillar, System

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet


def system_page(fleet: Fleet, pillar: Pillar | None, rows: tuple[FlowRow, ...]) -> str:
    """The systems of a pillar, by id; the parts of the platform for None."""
    group = pillar.value if pillar else PLATFORM
    shown = [one for one in _all(fleet) if group_of(fleet, one.id) == group]
    sized = list(size(fleet).values())
    contents = table(
        ("system", "name", "tier", "level", "data", "state", "owner"),
        (
            (
                f"[{one.id}](#{one.id})",
                f"{one.name.en}<br/>{one.name.vi}",
                one.tier.value,
                one.level,
                one.data.value,
                one.state.value,
                fleet.owners[one.owner].name.en,
            )
            for one in shown
        ),
    )
    picture = [neighbours(fleet, pillar, rows)] if pillar else []
    sections = [_section(fleet, one, touching(rows, one.id), sized) for one in shown]
    return page(f"Systems: {group}", contents, *picture, *sections)


def _all(fleet: Fleet) -> Iterator[System]:
    yield from fleet.systems.values()
    yield from fleet.platform.values()


def _section(fleet: Fleet, system: System, rows: tuple[FlowRow, ...], sized: Iterable[Sized]) -> list[str]:
    lines = [f"## {system.id}", f"{system.name.en} · {system.name.vi}", ""]
    if system.note:
        lines += [system.note, ""]
    lines += [*table(("what", "as declared"), _facts(fleet, system)), ""]
    if system.components:
        columns = ("component", "image", "port", "pods at peak", "each asks", "keeps")
        lines += [*table(columns, _components(fleet, system)), ""]
    loads = [one for one in sized if one.result.system == system.id]
    if loads:
        lines += [f"At peak (`province sizing {system.id}`): {'; '.join(map(_load, loads))}.", ""]
    if rows:
        lines += table(("opened by", "to", "by", "why"), (_flow(row) for row in rows))
    return lines[:-1] if not lines[-1] else lines


def _facts(fleet: Fleet, system: System) -> Iterator[tuple[str, object]]:
    tier, owner = fleet.tiers[system.tier], fleet.owners[system.owner]
    doubt = "" if owner.verified else " (not confirmed by it)"
    yield "owner", f"{owner.name.en}, {owner.name.vi}{doubt}"
    yield "tier", f"{tier.id.value}: {tier.name.en}; {_promise(tier.rpo_minutes, tier.rto_minutes, tier.backup_days)}"
    yield "promises", _objective(fleet, system)
    yield "level", f"{system.level}{f': {system.level_reason}' if system.level_reason else ''}"
    yield "data", f"{system.data.value}{', connected to Project 06' if system.project06 else ''}"
    yield "runs at", ", ".join(purpose.value for purpose in system.placed_in(fleet.tiers)) or "the edge nodes"
    names = exposed_names(system, fleet.province.domain)
    yield "shown as", listed(f"{code(one.host)} to the {_users(one.exposure.value)}" for one in names) or "no users"
    if system.mail:
        yield "mail", _mail(system.mail, fleet.province.domain)
    quota = system.quota_in(fleet.tiers)
    yield (
        "room",
        f"{quota.cpu_cores} cores, {quota.memory_gib} GiB of memory, {quota.pods} pods, {quota.storage_gib} GiB kept",
    )
    if system.pod_security_reason:
        yield "pods", f"{system.pod_security.value}: {system.pod_security_reason}"
    yield "takes over from", listed(f"{one.province}: {one.system}" for one in system.replaces) or "nothing"
    yield "rows of the mission", listed(f"{row}: {fleet.features[row].name.en}" for row in system.features)
    yield "declared in", f"[{fleet.origin_of(system)}](../../{fleet.origin_of(system)})"


def _mail(mail: Mail, domain: str) -> str:
    """Who exchanges mail for the domain, and how others know what is from it."""
    keys = listed(f"{code(one.selector)}{'' if one.key else ' (no key yet)'}" for one in mail.dkim)
    return f"{code(mail.exchange)} for {code(domain)}; signed by {keys}; others {mail.policy} the rest (DMARC)"


def _objective(fleet: Fleet, system: System) -> str:
    """What users are promised as long as nothing is lost; who is told, and when, the rules of the watchers say."""
    one = system.objective_in(fleet.tiers)
    if one is None:
        return "nothing to users"
    return (
        f"{one.available_percent:g} % of requests answered without a fault of ours, {one.quick_percent:g} % of answers "
        f"within {one.quick_ms} ms, of 30 days"
    )


def _promise(rpo: int | None, rto: int | None, backup_days: int | None) -> str:
    """What a failure may cost, and how long copies stay."""
    if rpo is None or rto is None:
        return "nothing is promised after a failure"
    kept = f", copies stay {backup_days} days" if backup_days else ""
    return f"at most {rpo} minutes of data lost, back within {rto} minutes{kept}"


def _users(exposure: str) -> str:
    return {"tslcd": "specialised network", "internet": "Internet"}[exposure]


def _components(fleet: Fleet, system: System) -> Iterator[tuple[object, ...]]:
    pods = {one.component: one for one in pods_of(fleet, system)}
    for name, one in system.components.items():
        provided = one.kind is not ComponentKind.WORKLOAD
        image = f"provided: {one.kind.value}" if provided else one.image or "not delivered yet"
        port = f"{one.protocol} {one.listens_on}" if one.listens_on else None
        yield name, image, port, *_asked(pods.get(name))


def _asked(pods: Pods | None) -> tuple[object, object, object]:
    if pods is None:
        return NOTHING, NOTHING, NOTHING
    each = f"{pods.each.cpu_millicores} millicores, {pods.each.memory_mib} MiB"
    return pods.count, each, f"{pods.storage_gib} GiB each" if pods.storage_gib else None


def _load(one: Sized) -> str:
    part = f" ({one.result.component})" if one.result.component else ""
    return f"{one.result.name.en}{part} {text(one.quantity)}"


def _flow(row: FlowRow) -> tuple[object, ...]:
    return code(row.origin.text), code(row.target.text), arrival(row), row.why


def arrival(row: FlowRow) -> str:
    """Protocol and port of a flow's far end; an endpoint of others may not have told its port."""
    return f"{row.protocol} {row.port}" if row.port else f"{row.protocol}, port not told".strip(", ")
