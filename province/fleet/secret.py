"""Passwords and keys that people or programs of ours must be able to open: what they are, who may, until when.

The model names a secret and never holds it. What is sealed for its readers lies in `inventories/<environment>/secrets/`
(`province.secrets`, docs/adr/0043); what no one but one host ever opens is no row here (docs/adr/0008).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler, PositiveInt, StringConstraints, model_validator
from pydantic_core import CoreSchema, core_schema

from province.fleet.fact import Names, NonBlank, Slug, SourceRef
from province.fleet.findings import Finding
from province.fleet.references import Declaration, unresolved, walk
from province.fleet.row import Row

if TYPE_CHECKING:
    from province.fleet.environment import Environment


class SecretRef(str):
    """The name of a secret where a fact needs one: the id of a row of `registers/secrets.yml`.

    `wants` are the values that whoever reads it looks for.
    """

    __slots__ = ()
    wants: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, handler.generate_schema(Slug))


class StoreCredentials(SecretRef):
    """What opens an S3-compatible store."""

    __slots__ = ()
    wants = ("id", "key")


class Reader(StrEnum):
    """Who may open a secret, by what they are in an environment (`environment.yml`)."""

    AUTOMATION = "automation"
    ADMINISTRATORS = "administrators"
    BREAK_GLASS = "break-glass"


class Secret(Row):
    """One password, key or pair of them: the names of its values, who reads it, how many days one of it is used.

    `file`: where the controller has it below `.province/<environment>`; what is sealed is then the copy that is left
    when the controller is gone. Without it, some fact refers to the secret.
    """

    id: Slug
    name: Names
    owner: Slug
    keys: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$")], ...]
    readers: tuple[Reader, ...]
    days: PositiveInt
    source: SourceRef
    file: NonBlank | None = None
    note: NonBlank | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for what in ("keys", "readers"):
            given = getattr(self, what)
            if not given or len(set(given)) != len(given):
                raise ValueError(f"`{what}` names one or more, none of them twice")
        if self.file is not None:
            path = PurePosixPath(self.file)
            if path.is_absolute() or ".." in path.parts:
                raise ValueError("`file` is a path below .province/<environment>")
            if len(self.keys) > 1:
                raise ValueError("a `file` is one value, so `keys` names one")
        return self


@dataclass(frozen=True)
class Reference:
    """Where a fact refers to a secret: file and key as people point at them."""

    file: str
    key: str
    secret: SecretRef


def readers(environment: Environment, secret: Secret) -> tuple[str, ...]:
    """The accounts of an environment that may open a secret, in order of their names."""
    accounts = {
        Reader.AUTOMATION: (environment.automation,),
        Reader.ADMINISTRATORS: environment.administrators,
        Reader.BREAK_GLASS: (environment.break_glass,),
    }
    return tuple(sorted({one.name for kind in secret.readers for one in accounts[kind]}))


def references(declarations: Iterable[Declaration]) -> Iterator[Reference]:
    """Every place at which the model names a secret, found by its type."""
    for declaration in declarations:
        for at, fact in walk(declaration.fact):
            for name, field in type(fact).model_fields.items():
                value = getattr(fact, name)
                if isinstance(value, SecretRef):
                    key = declaration.key(at, field.alias or name)
                    yield Reference(declaration.file, key, value)


def check_secrets(secrets: Iterable[Secret], found: Iterable[Reference]) -> Iterator[Finding]:
    """Every secret that a fact names is declared, with the values that are looked for in it."""
    rows = {row.id: row for row in secrets}
    for one in found:
        yield from unresolved(one.file, one.key, one.secret, rows, "secret in registers/secrets.yml")
        row = rows.get(one.secret)
        if row and (missing := sorted(set(one.secret.wants) - set(row.keys))):
            mend = f"add {', '.join(missing)} to `keys` of its row in registers/secrets.yml"
            yield Finding(one.file, one.key, one.secret, "the secret lacks values that are looked for", mend)
