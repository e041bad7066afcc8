"""What is wrong with the data, said to the person who must mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from province.errors import ExitCode, ProvinceError


@dataclass(frozen=True, order=True)
class Finding:
    """One problem: in which file, at which key, with which value, and how to mend it.

    `line` is that of the key, or of what should hold it; 0 where nobody has looked (`located`).
    """

    file: str
    key: str
    value: str
    problem: str
    mend: str
    line: int = 0

    def as_dict(self) -> dict[str, str]:
        """The finding as `province check --json` prints it."""
        return asdict(self)


class BadData(ProvinceError):
    """The data has problems; all of them are reported together and nothing was changed."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(sorted(findings))
        super().__init__(describe(self.findings), exit_code=ExitCode.BAD_DATA)


def describe(findings: Iterable[Finding]) -> str:
    """All findings as text, grouped by file; the last line counts them."""
    lines: list[str] = []
    file = None
    ordered = sorted(findings)
    for finding in ordered:
        if finding.file != file:
            file = finding.file
            lines.append(file)
        where = f"{finding.key}: " if finding.key else ""
        value = f" (is {finding.value})" if finding.value else ""
        line = f" (line {finding.line})" if finding.line else ""
        lines.append(f"  {where}{finding.problem}{value}; {finding.mend}".removesuffix("; ") + line)
    lines.append(f"{len(ordered)} problem{'' if len(ordered) == 1 else 's'}; nothing was changed")
    return "\n".join(lines)


def from_validation(file: str, model: type[BaseModel], error: ValidationError, prefix: str = "") -> list[Finding]:
    """Translate pydantic's errors on one file into findings with the nearest valid key or value."""
    return [_finding(file, model, dict(item), prefix) for item in error.errors(include_url=False)]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that somebody who typed `word` probably meant."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return found[0] if found else None


def _finding(file: str, model: type[BaseModel], item: dict[str, Any], prefix: str) -> Finding:
    loc = tuple(item["loc"])
    key = prefix + ".".join(str(part) for part in loc)
    if item["type"] == "extra_forbidden":
        known = _fields_at(model, loc[:-1])
        guess = nearest(str(loc[-1]), known)
        mend = f'did you mean "{guess}"?' if guess else "known keys: " + ", ".join(sorted(known))
        return Finding(file, key, "", "unknown key", mend)
    if item["type"] == "missing":
        return Finding(file, key, "", "missing", "add this key")
    problem = str(item["msg"]).removeprefix("Value error, ")
    return Finding(file, key, _short(item.get("input")), problem[:1].lower() + problem[1:], "correct this value")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _fields_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> set[str]:
    """The keys that are valid where `loc` points, as far as the annotations tell."""
    models = {model}
    for part in loc:
        if isinstance(part, int):
            continue
        nested = {
            found
            for one in models
            for name, field in one.model_fields.items()
            if part == (field.alias or name)
            for found in _models_in(field.annotation)
        }
        models = nested or models
    return {field.alias or name for one in models for name, field in one.model_fields.items()}


def _models_in(annotation: object) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {model for inner in getattr(annotation, "__args__", ()) for model in _models_in(inner)}
