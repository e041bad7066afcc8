"""Reads the roles' own accounts of themselves, and finds the capability that somebody names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.documents import read_yaml
from province.fleet.findings import BadData, Finding, from_validation, nearest
from province.fleet.located import located
from province.manifest.capability import CHECKOUT, SCOPES, Capability

ROLES = CHECKOUT / "ansible" / "roles"
EVERY_CAPABILITY = frozenset({"all", "baseline"})
"""Tags of the playbook that stand for everything; `all` is Ansible's word for a run without tags."""


@cache
def load_capabilities(roles: Path = ROLES) -> tuple[Capability, ...]:
    """All capabilities, in the order in which a host gets them.

    Raises BadData with the problems of all roles together.
    """
    findings: list[Finding] = []
    found: list[Capability] = []
    for path in sorted(roles.glob("*/manifest.yml")):
        try:
            found.append(_read(path))
        except BadData as error:
            findings += error.findings
    if findings:
        raise BadData(located(findings, roles.parents[1]))
    return tuple(sorted(found, key=lambda one: (one.order, one.role)))


def by_name(capabilities: tuple[Capability, ...], name: str) -> Capability:
    """The capability with this name; raises ProvinceError that names the nearest one."""
    for one in capabilities:
        if one.capability == name:
            return one
    names = [one.capability for one in capabilities]
    guess = nearest(name, names)
    hint = f'did you mean "{guess}"?' if guess else "known: " + ", ".join(names)
    raise ProvinceError(f"no capability {name!r}", hint=hint, exit_code=ExitCode.USAGE)


def named_by_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The capabilities that Ansible's tags name, none for the tags that stand for all of them.

    Raises ProvinceError for any other word: whoever wrote it wanted something else than nothing.
    """
    names = set(tags) - EVERY_CAPABILITY
    return tuple(sorted(by_name(load_capabilities(), name).capability for name in names))


def _read(path: Path) -> Capability:
    shown = path.relative_to(path.parents[3]).as_posix()
    body = read_yaml(path, shown)
    role = path.parent.name
    if not isinstance(body, dict):
        raise BadData([Finding(shown, "", "", "must be keys and values", "see the other roles")])
    try:
        capability = Capability.model_validate({**body, "role": role, "capability": role.partition("_")[2]})
    except ValidationError as error:
        raise BadData(from_validation(shown, Capability, error)) from None
    findings = list(_wrong(capability, shown))
    if findings:
        raise BadData(findings)
    return capability


def _wrong(capability: Capability, shown: str) -> Iterator[Finding]:
    scope = capability.role.partition("_")[0]
    if scope not in SCOPES or not capability.capability:
        yield Finding(shown, "", capability.role, "no such kind of role", f"begin it with one of {', '.join(SCOPES)}")
        return
    for path, file in capability.files.items():
        if not file.template.startswith(f"{capability.templates}/"):
            mend = f"put the template under templates/{capability.templates}/"
            yield Finding(shown, f"files.{path}.template", file.template, "belongs to another capability", mend)
