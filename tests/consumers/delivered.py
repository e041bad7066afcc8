"""The province with some software delivered that is not yet: what its watchers then get."""

from __future__ import annotations

import shutil
from pathlib import Path

from province.fleet.fleet import Fleet
from province.fleet.load import inventories_root, load_fleet
from province.fleet.site import Duty
from province.manifest.build import Builder
from province.manifest.trust import stand_in

DELIVERED = {
    "e-office": "web: {image: null",
    "identity": "login: {image: null",
    "signing": "api: {image: null",
    "one-stop": "web: {image: null",
    "portal": "web: {image: null",
    "tourism": "web: {image: null",
}


def delivered(root: Path) -> Fleet:
    """The production model, below `root`, with the image `echo` for what users of some systems see first."""
    data = root / "inventories"
    shutil.copytree(inventories_root(), data)
    for system, text in DELIVERED.items():
        path = data / f"fleet/systems/{system}.yml"
        before = path.read_text(encoding="utf-8")
        after = before.replace(text, text.replace("null", "echo"), 1)
        assert after != before, path
        path.write_text(after, encoding="utf-8")
    return load_fleet("production", root=data)


def files_of_watcher(fleet: Fleet) -> dict[str, str]:
    """What a watcher at the primary site gets, by path."""
    watcher = next(host for host in fleet.hosts_of(fleet.primary_site.id) if Duty.MONITORING in host.duties)
    manifest = Builder(fleet, stand_in(fleet)).build(watcher)
    return {path: file.content for path, file in manifest.files.items()}
