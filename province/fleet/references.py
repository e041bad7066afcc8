"""Names that facts use for other facts: found wherever they stand, and checked in one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from province.fleet.fact import Fact
from province.fleet.findings import Finding, nearest


@dataclass(frozen=True)
class Declaration:
    """One object of the model with its place: `collection` and `id` name it, `file` holds it."""

    collection: str
    id: str
    file: str
    fact: Fact

    @property
    def shares_its_file(self) -> bool:
        """Whether the file holds other objects too, so that the id is needed to find this one."""
        name = self.file.rsplit("/", 1)[-1].removesuffix(".yml")
        return not (self.collection == "province" or name == self.id or name.startswith(f"{self.id}-"))

    def key(self, *parts: str) -> str:
        """The dotted key of something inside this object, as it stands in the file."""
        return ".".join(part for part in ((self.id if self.shares_its_file else ""), *parts) if part)

    def label(self, *parts: str) -> str:
        """The object, or something inside it, as people point at it: `file` or `file#key`."""
        key = self.key(*parts)
        return f"{self.file}#{key}" if key else self.file


def walk(fact: Fact, at: str = "") -> Iterator[tuple[str, Fact]]:
    """The fact and every fact inside it, each with the dotted key where it stands."""
    yield at, fact
    for name, field in type(fact).model_fields.items():
        yield from _inside(getattr(fact, name), f"{at}.{field.alias or name}".lstrip("."))


def _inside(value: object, at: str) -> Iterator[tuple[str, Fact]]:
    if isinstance(value, Fact):
        yield from walk(value, at)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _inside(item, f"{at}.{key}")
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _inside(item, f"{at}.{getattr(item, 'key', None) or getattr(item, 'id', number)}")


def unresolved(file: str, key: str, value: object, known: Iterable[object], what: str) -> list[Finding]:
    """A finding when `value` is not one of `known`; `what` says in a word what it should name.

    A number gets no guess: the nearest number is as wrong as any other.
    """
    names = [str(one) for one in known]
    if str(value) in names:
        return []
    guess = None if isinstance(value, int) else nearest(str(value), names)
    mend = f'did you mean "{guess}"?' if guess else f"declare this {what} or name another"
    return [Finding(file, key, str(value), f"no such {what}", mend)]


def check_references(
    declarations: Iterable[Declaration],
    *,
    owners: Iterable[str],
    sources: Iterable[str],
    features: Iterable[int],
) -> list[Finding]:
    """Every owner, source and row of the mission that any fact names exists."""
    known_sources = (frozenset[object](sources), "source")
    targets = {
        "owner": (frozenset[object](owners), "owner"),
        "source": known_sources,
        "seeds": known_sources,
        "features": (frozenset[object](features), "row of the mission"),
    }
    found: list[Finding] = []
    for declaration in declarations:
        for at, fact in walk(declaration.fact):
            for key, value in _named_by(fact):
                known, what = targets[key]
                if value not in known:
                    found += unresolved(declaration.file, declaration.key(at, key), value, known, what)
    return found


def _named_by(fact: Fact) -> Iterator[tuple[str, object]]:
    for key in ("owner", "source"):
        value = getattr(fact, key, None)
        if value is not None:
            yield key, value
    for key in ("seeds", "features"):
        yield from ((key, value) for value in getattr(fact, key, ()))
