"""Golden files: what one host of each class gets, to be read in review like code."""

from __future__ import annotations

import difflib
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

from province.manifest.manifest import Listen, ManagedFile, Manifest, Part, Send
from tests.render.conftest import Render

GOLDEN = Path(__file__).parent / "golden"
UPDATE = "if this is meant: pytest tests/render --update-golden, and read the difference before you commit it"

HOSTS = [
    ("lab", "phu-quoc-party"),
    ("lab", "rach-gia-gateway-1"),
    ("lab", "rach-gia-services-1"),
    ("lab", "rach-gia-control-plane-1"),
    ("production", "vinh-xuong-people"),
    ("production", "long-xuyen-people"),
    ("production", "rach-gia-bastion-1"),
    ("production", "rach-gia-worker-1"),
    ("production", "rach-gia-storage-1"),
    ("production", "rach-gia-ingress-1"),
]


@pytest.mark.proves("communes", "sites", 90)
@pytest.mark.parametrize(("environment", "name"), HOSTS, ids=str)
def test_the_manifest_is_the_reviewed_one(
    environment: str, name: str, render: Render, request: pytest.FixtureRequest
) -> None:
    rendered = _texts(render(environment, name))
    folder = GOLDEN / name
    if request.config.getoption("--update-golden"):
        _write(folder, rendered)
    reviewed = {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    assert rendered == reviewed, f"{_difference(reviewed, rendered)}\n{UPDATE}"


def test_there_is_a_golden_host_of_every_class(render: Render) -> None:
    motds = [render(environment, name).files["/etc/motd"].content for environment, name in HOSTS]
    classes = {motd.split("(")[1].split(")")[0] for motd in motds}
    assert classes == {
        "edge", "gateway", "services", "bastion", "control-plane", "worker", "storage", "ingress"
    }  # fmt: skip


def _texts(manifest: Manifest) -> dict[str, str]:
    """Every file under its own path, and everything else as `manifest.json`: by role, each thing once."""
    texts = {path.lstrip("/"): file.content for path, file in manifest.files.items()}
    parts = {part.role: _part(manifest, part) for part in manifest.parts}
    rest = {"host": manifest.host, "waiting": manifest.waiting, "parts": parts}
    return {**texts, "manifest.json": json.dumps(rest, ensure_ascii=False, indent=1) + "\n"}


def _part(manifest: Manifest, part: Part) -> dict[str, object]:
    """What one role brings, without what it leaves empty."""
    things = {
        **asdict(part),
        "files": {path: _attributes(manifest.files[path]) for path in part.files},
        "keys": {path: asdict(manifest.keys[path]) for path in part.keys},
        "users": [asdict(user) for user in manifest.users if user.name in part.users],
        "groups": [asdict(group) for group in manifest.groups if group.name in part.groups],
        "sysctls": {key: asdict(manifest.sysctls[key]) for key in part.sysctls},
        "units": {name: asdict(manifest.units[name]) for name in part.units},
        "listens": [_door(one) for one in manifest.listens if one.capability == part.capability],
        "sends": [_way_out(one) for one in manifest.sends if one.capability == part.capability],
    }
    return {name: value for name, value in things.items() if value and name not in ("capability", "role")}


def _attributes(file: ManagedFile) -> str:
    more = [*(["secret"] if file.secret else []), *([f"check={file.check}"] if file.check else [])]
    return " ".join([f"{file.owner}:{file.group} {file.mode}", *more])


def _door(one: Listen) -> str:
    """The prefixes that the names stand for are in the host's nftables.conf."""
    return f"{one.protocol} {one.port} from {' '.join(one.source)} to {one.process}"


def _way_out(one: Send) -> str:
    return f"{one.protocol} {one.port} to {' '.join(one.to)}"


def _write(folder: Path, texts: dict[str, str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _difference(old: dict[str, str], new: dict[str, str]) -> str:
    lines: list[str] = []
    for name in sorted({*old, *new}):
        before, after = old.get(name, "").splitlines(), new.get(name, "").splitlines()
        lines += difflib.unified_diff(before, after, f"golden/{name}", f"rendered/{name}", lineterm="")
    return "\n".join(lines[:200])
