"""A sealed secret as a file: what all may know in the clear, the values as one message of age(1) inside it.

`age --decrypt -i KEY` opens the part `age` of the file by itself. The clear part stands inside the message, too, so a
name, a day or a reader that somebody changed in the file is noticed by whoever opens it.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pyrage
import yaml
from pydantic import ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.documents import read_yaml
from province.fleet.fact import Fact, NonBlank, Slug
from province.fleet.findings import BadData, Finding, from_validation
from province.fleet.fleet import Fleet

FOLDER = "secrets"
ARMOUR = re.compile(r"-----BEGIN AGE ENCRYPTED FILE-----\n(.*)\n-----END AGE ENCRYPTED FILE-----\n?", re.DOTALL)
STANZA = re.compile(rb"^-> X25519 ", re.MULTILINE)
"""Begins the part of a message's head that is for one reader; whose it is cannot be seen."""


class Head(Fact):
    """What all may know of a sealed secret. `at`: when it was sealed; `until`: the last day on which it is used.

    `readers`: the accounts it is sealed for, each with the public keys of that time.
    """

    secret: Slug
    environment: Slug
    at: dt.datetime
    until: dt.date
    keys: tuple[NonBlank, ...]
    readers: dict[Slug, tuple[NonBlank, ...]]


class Sealed(Head):
    """A secret as it lies in Git."""

    age: str

    @property
    def head(self) -> Head:
        """Its clear part."""
        return Head(**{name: getattr(self, name) for name in Head.model_fields})

    @property
    def stanzas(self) -> int | None:
        """For how many keys the message is; None when it is no message of age."""
        armour = ARMOUR.fullmatch(self.age)
        try:
            message = base64.b64decode(armour.group(1).replace("\n", ""), validate=True) if armour else b""
        except binascii.Error:
            return None
        begin, found, _ = message.partition(b"\n--- ")
        return len(STANZA.findall(begin)) if found and begin.startswith(b"age-encryption.org/v1\n") else None


def place(fleet: Fleet) -> tuple[Path, str]:
    """The folder of an environment's sealed secrets, and how messages name it."""
    return fleet.root / fleet.environment.id / FOLDER, f"inventories/{fleet.environment.id}/{FOLDER}"


def load(fleet: Fleet) -> dict[str, Sealed]:
    """Every sealed secret of an environment by the name of its file. Raises BadData with every file that is none."""
    folder, shown = place(fleet)
    found: dict[str, Sealed] = {}
    bad: list[Finding] = []
    for path in sorted(folder.glob("*")):
        name = f"{shown}/{path.name}"
        if path.suffix != ".yml":
            bad.append(Finding(name, "", "", "is no sealed secret", "remove it: province secrets seal writes .yml"))
            continue
        try:
            found[path.stem] = Sealed.model_validate(read_yaml(path, name))
        except ValidationError as error:
            bad += from_validation(name, Sealed, error)
        except BadData as error:
            bad += error.findings
    if bad:
        raise BadData(bad)
    return found


def seal(head: Head, values: Mapping[str, str]) -> Sealed:
    """The values of a secret for its readers; ValueError when the values are not those that the head names."""
    if set(values) != set(head.keys):
        raise ValueError(f"values are {', '.join(sorted(values))}, wanted are {', '.join(head.keys)}")
    inside = json.dumps({"head": head.model_dump(mode="json"), "values": dict(values)}, ensure_ascii=False)
    keys = [pyrage.x25519.Recipient.from_str(key) for keys in head.readers.values() for key in keys]
    message = pyrage.encrypt(inside.encode(), keys, armored=True).decode()
    return Sealed(**{name: getattr(head, name) for name in Head.model_fields}, age=message)


def opened(sealed: Sealed, identity: pyrage.x25519.Identity, shown: str) -> dict[str, str]:
    """The values of a secret. Raises ProvinceError when it is not sealed for that key, or was changed since."""
    try:
        inside = json.loads(pyrage.decrypt(sealed.age.encode(), [identity]))
        head, values = Head.model_validate(inside["head"]), dict(inside["values"])
    except pyrage.DecryptError as error:
        raise ProvinceError(
            f"{shown}: this key does not open it: {error}",
            hint=f"it is sealed for {', '.join(sealed.readers)}; --identity names the key of one of them",
        ) from None
    except (ValueError, KeyError, TypeError):
        raise _not_ours(shown, "holds something else than a secret of ours") from None
    if head != sealed.head:
        changed = [name for name in Head.model_fields if getattr(head, name) != getattr(sealed, name)]
        raise _not_ours(shown, f"{', '.join(changed)} was changed after it was sealed")
    return values


def write(fleet: Fleet, sealed: Sealed) -> Path:
    """Put a sealed secret where it belongs, as a whole."""
    path = place(fleet)[0] / f"{sealed.secret}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    yaml.add_representer(_Block, _as_block, Dumper=yaml.SafeDumper)
    content = {**sealed.model_dump(mode="json"), "age": _Block(sealed.age)}
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=120)
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(f"# Written by `province secrets seal`; opened by `province secrets open`, or by age(1).\n{text}")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return path


class _Block(str):
    """Text that stands in YAML as it is, line by line."""

    __slots__ = ()


def _as_block(dumper: yaml.SafeDumper, text: _Block) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")


def _not_ours(shown: str, problem: str) -> ProvinceError:
    return ProvinceError(
        f"{shown}: {problem}", hint="take it back from Git, or seal the secret anew", exit_code=ExitCode.BAD_DATA
    )
