"""Coverage of the mission: where each of its rows is declared, what configures it, and which tests prove it.

The rows come from the model; proofs and configuration are read from the checkout by `find_proofs` and
`find_configured`. Nothing is hidden: a row that is documentation only says so.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from province.errors import ExitCode, ProvinceError
from province.fleet.documents import read_yaml
from province.fleet.findings import Finding
from province.fleet.references import Declaration, unresolved, walk

if TYPE_CHECKING:
    from province.fleet.feature import Feature
    from province.fleet.fleet import Fleet

LIVE_FOLDERS = frozenset({"lab", "host", "cluster", "migration"})
"""Folders of tests that run against real hosts or clusters; only these make a row `verified`."""


class CoverageState(StrEnum):
    """How far a row of the mission has come."""

    MISSING = "missing"
    """No object of the model declares it."""
    DECLARED = "declared"
    CONFIGURED = "configured"
    """A role configures hosts for it, or a cluster holds the namespace of its system."""
    VERIFIED = "verified"
    """A test on real hosts or clusters proves it."""


@dataclass(frozen=True)
class Proof:
    """A test and what it proves: rows of the mission (numbers) or what the model declares (names).

    A name is a collection (`systems`, `communes`, `controls`) or one object of it (`systems/mail`,
    `registers/platforms`); it stands for every row that these objects name.
    """

    test: str
    subjects: tuple[int | str, ...]
    live: bool


@dataclass(frozen=True)
class CoverageRow:
    """One row of the mission with everything that stands behind it."""

    id: int
    component: str
    declared_in: tuple[str, ...]
    tests: tuple[str, ...]
    configured_by: tuple[str, ...]
    state: CoverageState
    documentation: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The row as `province coverage --json` prints it."""
        return asdict(self)


@dataclass(frozen=True)
class _Statement:
    """That an object, which a proof may call by any of `names`, names a row."""

    row: int
    names: tuple[str, str]
    label: str


def coverage(
    fleet: Fleet, proofs: Iterable[Proof], configured: Mapping[int, tuple[str, ...]]
) -> tuple[CoverageRow, ...]:
    """Every row of the mission in order; `configured` says which roles configure a row."""
    proofs = tuple(proofs)
    stated = tuple(_statements(fleet.declarations))
    rooms = _rooms(fleet)
    return tuple(
        _row(
            feature,
            [one for one in stated if one.row == number],
            proofs,
            (*configured.get(number, ()), *rooms.get(number, ())),
            fleet.origins.get(f"features/{number}", "features"),
        )
        for number, feature in sorted(fleet.features.items())
    )


def check_coverage(fleet: Fleet, rows: Iterable[CoverageRow], proofs: Iterable[Proof]) -> list[Finding]:
    """Rows that nothing declares or no test proves, and tests that claim to prove what does not exist."""
    found: list[Finding] = []
    for row in rows:
        file = fleet.origins.get(f"features/{row.id}", "features")
        if row.state is CoverageState.MISSING:
            mend = "name the row in the `features` of an object of the model"
            found.append(Finding(file, str(row.id), row.component, "nothing declares this row", mend))
        elif not row.tests and row.documentation is None:
            mend = "mark a test with @pytest.mark.proves, for the row or a collection that declares it"
            found.append(Finding(file, str(row.id), row.component, "no test proves this row", mend))
    subjects: set[object] = {*fleet.features, *(name for one in fleet.declarations for name in _names(one))}
    for proof in proofs:
        file = proof.test.split("::", 1)[0]
        for subject in proof.subjects:
            if subject not in subjects:
                found += unresolved(file, proof.test, subject, subjects, "row or collection")
    return found


def find_proofs(tests: Path) -> tuple[Proof, ...]:
    """Every test under `tests` that is marked with `@pytest.mark.proves(...)`, by its node id.

    The mark may stand at a test, at its class, or in the module's `pytestmark`; files are parsed, not imported.
    Raises ProvinceError where a file is not valid Python or an argument is not a plain number or text.
    """
    found: list[Proof] = []
    for path in sorted(tests.rglob("test_*.py")):
        shown = path.relative_to(tests.parent).as_posix()
        live = path.relative_to(tests).parts[0] in LIVE_FOLDERS
        for test, subjects in _marked_tests(_parsed(path, shown), shown):
            found.append(Proof(test, tuple(dict.fromkeys(subjects)), live))
    return tuple(found)


def find_configured(checkout: Path) -> dict[int, tuple[str, ...]]:
    """Which roles say in their manifest (key `features`) that they configure a row of the mission."""
    found: dict[int, tuple[str, ...]] = {}
    for path in sorted(checkout.glob("ansible/roles/*/manifest.yml")):
        shown = path.relative_to(checkout).as_posix()
        manifest = read_yaml(path, shown) or {}
        for row in manifest.get("features", ()):
            found[row] = (*found.get(row, ()), shown)
    return found


def _statements(objects: Iterable[Declaration]) -> Iterator[_Statement]:
    for one in objects:
        for at, fact in walk(one.fact):
            for row in getattr(fact, "features", ()):
                yield _Statement(row, _names(one), one.label(at))


def _names(one: Declaration) -> tuple[str, str]:
    return one.collection, f"{one.collection}/{one.id}"


def _rooms(fleet: Fleet) -> dict[int, tuple[str, ...]]:
    """The namespaces that clusters hold, under each row that their system serves."""
    found: dict[int, tuple[str, ...]] = {}
    clusters = {site.purpose for site in fleet.sites.values() if site.cluster is not None}
    for id_, system in (*fleet.systems.items(), *fleet.platform.items()):
        if system.has_room and clusters.intersection(system.placed_in(fleet.tiers)):
            for row in system.features:
                found[row] = (*found.get(row, ()), f"namespace {id_}")
    return found


def _row(
    feature: Feature,
    stated: list[_Statement],
    proofs: tuple[Proof, ...],
    configured_by: tuple[str, ...],
    features_file: str,
) -> CoverageRow:
    subjects: set[int | str] = {feature.id, *(name for one in stated for name in one.names)}
    mine = [proof for proof in proofs if subjects.intersection(proof.subjects)]
    labels = tuple(dict.fromkeys(one.label for one in stated))
    if feature.documentation is not None:
        labels = (f"{features_file}#{feature.id} (documentation only)", *labels)
    if not labels:
        state = CoverageState.MISSING
    elif any(proof.live for proof in mine):
        state = CoverageState.VERIFIED
    else:
        state = CoverageState.CONFIGURED if configured_by else CoverageState.DECLARED
    return CoverageRow(
        id=feature.id,
        component=feature.name.en,
        declared_in=labels,
        tests=tuple(proof.test for proof in mine),
        configured_by=configured_by,
        state=state,
        documentation=feature.documentation,
    )


def _parsed(path: Path, shown: str) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"), filename=shown)
    except SyntaxError as error:
        raise ProvinceError(
            f"{shown}, line {error.lineno}: {error.msg}",
            hint="tests are read to find what they prove; correct the syntax there",
            exit_code=ExitCode.BAD_DATA,
        ) from None


def _marked_tests(tree: ast.Module, shown: str) -> Iterator[tuple[str, list[int | str]]]:
    yield from _in_body(tree.body, shown, shown, _module_marks(tree, shown))


def _in_body(
    body: list[ast.stmt], at: str, shown: str, inherited: list[int | str]
) -> Iterator[tuple[str, list[int | str]]]:
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            marks = [*inherited, *_subjects(node.decorator_list, shown)]
            yield from _in_body(node.body, f"{at}::{node.name}", shown, marks)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            marks = [*inherited, *_subjects(node.decorator_list, shown)]
            if marks:
                yield f"{at}::{node.name}", marks


def _module_marks(tree: ast.Module, shown: str) -> list[int | str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        ):
            listed = node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
            return _subjects(listed, shown)
    return []


def _subjects(marks: list[ast.expr], shown: str) -> list[int | str]:
    """What the marks `pytest.mark.proves(...)` among these expressions name."""
    found: list[int | str] = []
    for mark in marks:
        if not (isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.proves"):
            continue
        for argument in mark.args:
            if not (isinstance(argument, ast.Constant) and isinstance(argument.value, int | str)):
                raise ProvinceError(
                    f"{shown}, line {argument.lineno}: proves({ast.unparse(argument)}) cannot be read without running",
                    hint="name rows as plain numbers and collections as plain text",
                    exit_code=ExitCode.BAD_DATA,
                )
            found.append(argument.value)
    return found
