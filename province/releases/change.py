"""Changes that touch hosts, and the releases that they came with, as they are written down in the repository."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, PositiveInt, StringConstraints, ValidationError

from province.fleet.documents import read_yaml
from province.fleet.fact import Fact, NonBlank
from province.fleet.findings import BadData, Finding, from_validation
from province.fleet.references import unresolved

CHANGES = "ansible/changes"
ROLES = "ansible/roles"
RELEASES = "releases.yml"

NAME = re.compile(r"(\d{4})-[a-z0-9]+(-[a-z0-9]+)*")

Version = Annotated[str, StringConstraints(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$")]
"""Semantic: the first number grows when an operator must do more than the written steps."""
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
FactT = TypeVar("FactT", bound=Fact)


class HostChange(Fact):
    """One change: why, for which hosts, by which steps, which capabilities it touches, and how to come back."""

    title: NonBlank
    why: NonBlank
    hosts: NonBlank
    steps: Annotated[tuple[NonBlank, ...], Field(min_length=1)]
    touches: tuple[NonBlank, ...]
    way_back: NonBlank


class Release(Fact):
    """One release: the commit that it is, and the last change that it has."""

    version: Version
    day: date
    commit: Commit
    last_change: PositiveInt

    @property
    def order(self) -> tuple[int, ...]:
        """By which versions are compared."""
        return tuple(map(int, self.version.split(".")))


@dataclass(frozen=True)
class Change:
    """A change with its number, and the release that it came with first; None while it waits for the next one."""

    number: int
    file: str
    said: HostChange
    release: str | None


@dataclass(frozen=True)
class History:
    """Every release, the oldest first, and every change in the order of their numbers."""

    releases: tuple[Release, ...]
    changes: tuple[Change, ...]

    def since(self, version: str) -> tuple[Change, ...]:
        """What came after a release. Raises BadData for a version that was never released."""
        known = {one.version: one.last_change for one in self.releases}
        if version not in known:
            raise BadData(unresolved(RELEASES, "version", version, known, "release"))
        return tuple(one for one in self.changes if one.number > known[version])


def load_history(checkout: Path) -> History:
    """Read a checkout's releases and changes.

    Raises BadData that names every file which does not hold: a name without a number, a number that stands twice, a
    capability that no role has, releases whose versions or changes do not grow.
    """
    findings: list[Finding] = []
    releases = tuple(_read(checkout, RELEASES, Release, findings, many=True))
    said = {
        path.relative_to(checkout).as_posix(): one
        for path in sorted((checkout / CHANGES).glob("*.yml"))
        for one in _read(checkout, path.relative_to(checkout).as_posix(), HostChange, findings)
    }
    roles = {path.name.partition("_")[2] for path in (checkout / ROLES).iterdir() if path.is_dir()}
    for file, one in said.items():
        for place, touched in enumerate(one.touches):
            if touched not in roles:
                findings += unresolved(file, f"touches.{place}", touched, roles, "capability of a role")
    findings += [*_numbered(said), *_growing(releases)]
    if findings:
        raise BadData(findings)
    return History(releases, tuple(_change(file, one, releases) for file, one in said.items()))


def _change(file: str, said: HostChange, releases: Iterable[Release]) -> Change:
    number = _number(file)
    return Change(number, file, said, next((one.version for one in releases if number <= one.last_change), None))


def _number(file: str) -> int:
    found = NAME.fullmatch(Path(file).stem)
    return int(found[1]) if found else 0


def _numbered(files: Iterable[str]) -> Iterable[Finding]:
    """Names that are no number and words, and numbers that somebody else has."""
    taken: dict[int, str] = {}
    for file in files:
        number = _number(file)
        if not number:
            yield Finding(file, "", "", "the name is no number of four digits and words", "call it like its neighbours")
        elif number in taken:
            yield Finding(file, "", "", f"has the number of {taken[number]}", "take the next free number")
        taken.setdefault(number, file)


def _growing(releases: Iterable[Release]) -> Iterable[Finding]:
    """Releases that do not follow the one before them."""
    before: Release | None = None
    for place, one in enumerate(releases):
        if before and one.order <= before.order:
            mend = "put the newest release last, under a version that nobody had"
            yield Finding(RELEASES, f"{place}.version", one.version, f"does not follow {before.version}", mend)
        if before and one.last_change < before.last_change:
            mend = "name the last change of that release"
            yield Finding(RELEASES, f"{place}.last_change", str(one.last_change), "fewer than before", mend)
        before = one


def _read(checkout: Path, file: str, model: type[FactT], findings: list[Finding], *, many: bool = False) -> list[FactT]:
    """The facts of a file; what is wrong with it goes to `findings`."""
    try:
        text: Any = read_yaml(checkout / file, file)
    except BadData as error:
        findings += error.findings
        return []
    if many and not isinstance(text, list):
        findings.append(Finding(file, "", "", "is no list", "write one entry for each release"))
        return []
    found = []
    for place, one in enumerate(text if many else [text]):
        try:
            found.append(model.model_validate(one))
        except ValidationError as error:
            findings += from_validation(file, model, error, f"{place}." if many else "")
    return found
