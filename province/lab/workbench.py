"""The operator's desk inside the lab: which programs and settings the plain commands find there."""

from __future__ import annotations

import os
from pathlib import Path

from province.lab import desk
from province.lab.state import Place
from province.toolchain import build, pulumi_home

PROGRAMS = ("pulumi", "kubectl", "etcdctl")
"""Pinned programs that a desk offers by name."""

KUBECONFIGS = Path("kubeconfigs")


def environment(checkout: Path) -> dict[str, str]:
    """The variables under which `ssh`, `ansible-playbook`, `pulumi`, `kubectl` and `pytest` work by themselves."""
    place = Place(checkout)
    folder = _programs(place, checkout)
    path = [str(folder), str(checkout / ".venv" / "bin"), os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")]
    kubeconfigs = sorted((place.root / KUBECONFIGS).glob("*.yml"))
    return {
        **os.environ,
        **pulumi_home.prepare(),
        "PATH": os.pathsep.join(path),
        "KUBECONFIG": os.pathsep.join(map(str, kubeconfigs)),
        "ANSIBLE_CONFIG": str(checkout / "ansible.cfg"),
        "PROVINCE_ENVIRONMENT": "lab",
    }


def _programs(place: Place, checkout: Path) -> Path:
    """A folder with the pinned programs, and an `ssh` that knows the lab's hosts."""
    folder = place.root / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        link, target = folder / name, build.binary(name)
        if not link.is_symlink() or link.readlink() != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target)
    for name in ("ssh", "scp"):
        write_script(folder / name, f'#!/bin/sh\nexec /usr/bin/{name} -F {desk.ssh_config(checkout)} "$@"\n')
    return folder


def write_script(path: Path, text: str) -> None:
    """Exchanged as a whole and only if it differs: another command in the lab may be about to run it."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o755)
    fresh.replace(path)
