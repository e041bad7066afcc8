"""A wave of the lab as an operator has it: in a copy of the inventories, allowed to go all the way, at every hour."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from typer.testing import CliRunner

from province.cli import app
from province.errors import ProvinceError
from tests.migration.servers import Cluster

CHECKOUT = Path(__file__).resolve().parents[2]
ALWAYS = ", ".join(
    f'{{days: [mon, tue, wed, thu, fri, sat, sun], begins: "{a}", ends: "{b}", source: A}}'
    for a, b in (("00:00", "12:00"), ("12:00", "00:00"))
)


def inventories(place: Path, wave: int, moves: tuple[str, ...], reach: str) -> Path:
    """The folder of inventories: this wave moves these, the next one what else it would; `reach` says how, as YAML."""
    data = place / "inventories"
    shutil.copytree(CHECKOUT / "inventories", data)
    file = data / "fleet/migration/waves.yml"
    text = file.read_text(encoding="utf-8")
    found = re.search(rf"- id: {wave}\n(?:  .*\n)*", text)
    assert found
    was = re.search(r"moves: \[(.*)\]", found[0])
    assert was
    left = [one for one in was[1].split(", ") if one not in moves]
    changed = found[0].replace(was[0], f"moves: [{', '.join(moves)}]").replace("phase: declared", "phase: retired")
    changed = re.sub(r"windows: \[.*\]", f"windows: [{ALWAYS}]", changed)
    text = text.replace(found[0], changed)
    following = re.search(rf"- id: {wave + 1}\n(?:  .*\n)*?  moves: \[(.*)\]", text)
    assert following
    moved = ", ".join([*left, *filter(None, [following[1]])])
    text = text.replace(following[0], following[0].replace(f"moves: [{following[1]}]", f"moves: [{moved}]"))
    file.write_text(text, encoding="utf-8")
    with (data / "lab/environment.yml").open("a", encoding="utf-8") as opened:
        opened.write(reach)
    return data


def programs(place: Path, cluster: Cluster) -> Path:
    """A folder with PostgreSQL's programs, as an operator has them in PATH."""
    place.mkdir()
    for name in ("psql", "pg_dump", "pg_restore"):
        (place / name).write_text(f'#!/bin/sh\nexec {cluster.tool} {name} "$@"\n', encoding="utf-8")
        (place / name).chmod(0o755)
    return place


def migrate(*words: str) -> tuple[int, str]:
    """What `province migrate` ends with and prints; its error where it refuses."""
    done = CliRunner().invoke(app, ["migrate", *words])
    if isinstance(done.exception, ProvinceError):
        raise done.exception
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def reach_of(kind: str, by_move: Mapping[str, Mapping[str, object]]) -> str:
    """YAML of one key of an environment: how each move's sides are reached."""
    lines = [
        f"  {move}: {{{', '.join(f'{key}: {value!r}' for key, value in both.items())}}}"
        for move, both in by_move.items()
    ]
    return "\n".join([f"{kind}:", *lines, ""])
