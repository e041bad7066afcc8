"""Templates to text: strict about every variable, exact about where a template is wrong."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from jinja2 import (
    Environment,
    FileSystemBytecodeCache,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
)
from jinja2.environment import TemplateExpression
from pydantic import BaseModel

from province.fleet.findings import BadData, Finding
from province.manifest.capability import CHECKOUT

TEMPLATES = CHECKOUT / "templates"
EXPRESSION = "{{"


class Renderer:
    """The templates of one folder; each is compiled once."""

    def __init__(self, folder: Path = TEMPLATES) -> None:
        self.folder = folder
        self._environment = Environment(
            loader=FileSystemLoader(folder),
            bytecode_cache=_compiled_before(folder),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,
            cache_size=-1,
            autoescape=False,  # noqa: S701 - configuration files, not HTML
        )
        self._expressions: dict[str, Callable[..., object]] = {}
        self._texts: dict[str, Callable[..., str]] = {}

    def compile_all(self, roles: Iterable[BaseModel]) -> None:
        """Compile every template and every expression of roles' manifests now, for processes forked from this one.

        What is wrong is left out: it is refused, with its line, when a host needs it.
        """
        for name in self._environment.list_templates(extensions=["j2"]):
            with suppress(TemplateSyntaxError):
                self._environment.get_template(name)
        for role in roles:
            for name, value in _strings(role.model_dump()):
                with suppress(TemplateSyntaxError):
                    if name == "when":
                        self._condition(value)
                    elif EXPRESSION in value:
                        self._text(value)

    def file(self, template: str, variables: Mapping[str, object], host: str) -> str:
        """The text of a template for a host.

        Raises BadData that names template, line, host and what is wrong.
        """
        shown = f"{self.folder.name}/{template}"
        try:
            return self._environment.get_template(template).render(variables)
        except TemplateSyntaxError as error:
            raise _bad(shown, f"line {error.lineno}", error.message or "syntax error", host) from None
        except TemplateError as error:
            raise _bad(shown, self._line(error), error.message or "not found", host) from None
        except (TypeError, ValueError, ArithmeticError) as error:
            raise _bad(shown, self._line(error), str(error), host) from None

    def text(self, source: str, variables: Mapping[str, object], where: str, host: str) -> str:
        """A value of a role's manifest, with the expressions in it replaced."""
        if EXPRESSION not in source:
            return source
        try:
            return self._text(source)(variables)
        except TemplateError as error:
            raise _bad(where, source, error.message or "wrong", host) from None

    def holds(self, expression: str | None, variables: Mapping[str, object], where: str, host: str) -> bool:
        """Whether a `when` of a role's manifest is true for a host; one that is not there is."""
        if expression is None:
            return True
        try:
            return bool(self._condition(expression)(**variables))
        except TemplateError as error:
            raise _bad(where, expression, error.message or "wrong", host) from None

    def _text(self, source: str) -> Callable[..., str]:
        if source not in self._texts:
            self._texts[source] = self._environment.from_string(source).render
        return self._texts[source]

    def _condition(self, expression: str) -> Callable[..., object]:
        if expression not in self._expressions:
            compiled: TemplateExpression = self._environment.compile_expression(expression, undefined_to_none=False)
            self._expressions[expression] = compiled
        return self._expressions[expression]

    def _line(self, error: Exception) -> str:
        """The innermost line of a template that an error came through; Jinja2 puts templates into tracebacks."""
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame for frame in frames if frame.filename.startswith(str(self.folder))]
        if not lines:
            return ""
        place = Path(lines[-1].filename).relative_to(self.folder)
        return f"line {lines[-1].lineno} of {place}"


@cache
def renderer(folder: Path = TEMPLATES) -> Renderer:
    """The renderer of a folder, shared so that its templates stay compiled."""
    return Renderer(folder)


def _compiled_before(folder: Path) -> FileSystemBytecodeCache | None:
    """A folder's templates as an earlier run compiled them: compiling all takes longer than asking a host.

    Jinja2 takes none whose template has changed. Where nothing can be written, each run compiles for itself.
    """
    kept = folder.parent / ".province" / "templates"
    try:
        kept.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return FileSystemBytecodeCache(str(kept))


def _strings(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a value, keys of tables too, with the name of the field that it is in."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(key)
            yield from _strings(item, str(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


def _bad(file: str, where: str, problem: str, host: str) -> BadData:
    return BadData([Finding(file, where, "", f"{problem} (rendering {host})", "correct the template or the fact")])
