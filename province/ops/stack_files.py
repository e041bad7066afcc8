"""The stacks' own files, `infra/stacks/Pulumi.<stack>.yaml`, checked before Pulumi reads them.

Pulumi names neither the file nor the key of what it cannot read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError

from province.fleet.documents import read_yaml
from province.fleet.fact import Fact
from province.fleet.findings import BadData, Finding, from_validation

FOLDER = Path("infra/stacks")
"""As `stackConfigDir` of Pulumi.yaml says."""

SALT = re.compile(r"v1:[A-Za-z0-9+/=]+:v1:[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+")
"""The salt of a passphrase, and a word encrypted with both, by which a wrong passphrase is known."""
SETTING = re.compile(r"[^:\s]+:\S+")
"""Who reads a setting, and its name."""


def _salt(text: str) -> str:
    if not SALT.fullmatch(text):
        raise ValueError("is none that Pulumi has written: take the file from its backup")
    return text


def _settings(found: dict[str, Any] | None) -> dict[str, Any]:
    for name in found or {}:
        if not SETTING.fullmatch(name):
            raise ValueError(f"the setting {name!r} does not say who reads it: write it as project:name")
    return found or {}


class StackFile(Fact):
    """What the file of a stack may hold; Pulumi writes how its secrets are encrypted, a person the rest."""

    secretsprovider: str | None = None
    encryptedkey: str | None = None
    encryptionsalt: Annotated[str, AfterValidator(_salt)] | None = None
    config: Annotated[dict[str, Any] | None, AfterValidator(_settings)] = None


def check(checkout: Path, stacks: Iterable[str]) -> None:
    """Read the files of stacks, as far as they are there: a stack without one has no settings.

    Raises BadData with every problem: which file, which key or line, which value, how to mend it.
    """
    if found := [finding for stack in stacks for finding in _findings(checkout, stack)]:
        raise BadData(found)


def _findings(checkout: Path, stack: str) -> list[Finding]:
    shown = FOLDER / f"Pulumi.{stack}.yaml"
    if not (checkout / shown).is_file():
        return []
    try:
        body = read_yaml(checkout / shown, str(shown))
        StackFile.model_validate({} if body is None else body)
    except BadData as error:
        return list(error.findings)
    except ValidationError as error:
        return from_validation(str(shown), StackFile, error)
    return []
