"""What a seed holds: everything that a box needs until the controller reaches it, from the model and the code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.lab.bootstrap import SSH, SSHD, USER_CA, File, files, sshd
from province.lab.ca import HOST_KEY
from province.lab.topology import guest_of
from province.manifest.build import Builder
from province.manifest.manifest import Key
from province.manifest.trust import Trust
from province.manifest.view import host_facts
from province.ops.node_wire import sources

FORMAT = 1
TOKEN = "token"  # noqa: S105 - a file's name
BUNDLE = "/var/lib/province-seed/bundle"
SSH_HOST_KEY = f"/{SSH}/{HOST_KEY}"
MAIN = """\
import sys

from province_node.first_boot import main

sys.exit(main(sys.argv[1:]))
"""
UNIT = f"""\
[Unit]
Description=First boot of a node: keys, and a claim for the controller
ConditionPathExists={BUNDLE}
After=local-fs.target systemd-networkd.service ssh.service
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 -I {BUNDLE}/node go
Restart=on-failure
RestartSec=10

[Install]
WantedBy=multi-user.target
"""
START = """\
#!/bin/sh
# On the box, as root: sh start
set -eu
here=$(cd "$(dirname "$0")" && pwd)
/usr/bin/python3 -I "$here/node" begin "$here"
/usr/bin/python3 -I /var/lib/province-seed/bundle/node go
"""


def declared_keys(builder: Builder, host: Host) -> dict[str, Key]:
    """The keys that a box makes: those of its capabilities, and the one by which SSH knows it."""
    ssh = Key("ssh-ed25519", "root", "root", "0600", host.fqdn, ())
    return {SSH_HOST_KEY: ssh, **builder.keys(host)}


def contents(
    fleet: Fleet, host: Host, trust: Trust, token: str, *, made: datetime, expires: datetime, signer: str
) -> dict[str, str]:
    """The files of a seed by their place in it. `token` is a private key of SSH, the one secret among them."""
    text = json.dumps(_seed(fleet, host, trust, made, expires, signer), ensure_ascii=False, indent=1, sort_keys=True)
    code = {f"node/{place}": source for place, source in sources().items()}  # a first boot is a part of it
    return {
        **code,
        "node/__main__.py": MAIN,
        "province-first-boot.service": UNIT,
        "seed.json": text + "\n",
        "start": START,
        TOKEN: token,
    }


def _seed(fleet: Fleet, host: Host, trust: Trust, made: datetime, expires: datetime, signer: str) -> dict[str, Any]:
    account = fleet.environment.automation
    first = files(guest_of(host), fleet.province.domain, account.name)
    first[USER_CA] = File(f"{trust.ssh_user_ca}\n".encode())
    servers = host_facts(fleet, host)["time_servers"]
    assert isinstance(servers, list)  # noqa: S101 - the view's own type
    return {
        "format": FORMAT,
        "environment": fleet.environment.id,
        "host": host.name,
        "fqdn": host.fqdn,
        "made": int(made.timestamp()),
        "made_at": f"{made:%Y%m%d%H%M%SZ}",
        "expires": int(expires.timestamp()),
        "signer": signer,
        "sets_clock": fleet.environment.platform.sets_clock,
        "time_servers": [one["ipv4"] for one in servers],
        "account": {"name": account.name, "uid": account.uid},
        "files": {
            f"/{place}": {"content": file.content.decode(), "mode": f"0{file.mode:o}"}
            for place, file in sorted(first.items())
            if place != SSHD
        },
        "sshd": {
            "path": f"/{SSHD}",
            "first": sshd(f"{BUNDLE}/{TOKEN}", certified=False),
            "then": sshd(SSH_HOST_KEY, certified=True),
        },
        "keys": {path: _key(path, key) for path, key in declared_keys(Builder(fleet, trust), host).items()},
    }


def _key(path: str, key: Key) -> Mapping[str, Any]:
    return {**vars(key), "names": list(key.names), "public": key.public(path)}
