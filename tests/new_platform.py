"""A sector platform that the province does not have: one file, and all that anybody writes for a new one."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from province.fleet.fleet import Fleet
from province.fleet.load import inventories_root, load_fleet

NAME = "fisheries"
LAYER = "systems-economy-society"
MOST_LINES = 40
FILE = """\
# What boats land, where it was caught, and what a buyer may know of it.
name: {vi: Nền tảng thủy sản, en: Fisheries platform}
owner: agriculture-environment
tier: C
level: 3
data: personal
pillar: economy-society
exposure: internet
state: declared
features: [67]
components:
  web: {image: null, port: 8080}
  intake: {image: null, port: 8443}
  db: {kind: postgresql}
  catches: {kind: object-store}
flows:
  - {from: zone/dmz, to: web, why: "boats, harbours and buyers"}
  - {from: zone/users, to: web}
  - {from: zone/internal, to: web}
  - {from: web, to: db}
  - {from: web, to: intake}
  - {from: intake, to: db}
  - {from: intake, to: catches}
  - {from: web, to: system/identity/login, why: log staff in}
  - {from: intake, to: system/data-exchange/gateway, why: confirm whose a boat is}
"""


@cache
def with_it(environment: str) -> Fleet:
    """The province with this one file more."""
    root = Path(mkdtemp(prefix="new-platform-")) / "inventories"
    shutil.copytree(inventories_root(), root, ignore=shutil.ignore_patterns("descriptors"))
    (root / "fleet" / "systems" / f"{NAME}.yml").write_text(FILE, encoding="utf-8")
    try:
        return load_fleet(environment, root)
    finally:
        shutil.rmtree(root.parent)
