"""Before any host is touched: the programs of one host of each kind check the files that are meant for it.

What no template engine sees, a wrong word in a file of sshd or nftables, would else stop every host by itself, in the
middle of the run.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from province.fleet.findings import Finding
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.manifest import Manifest
from province.manifest.render import TEMPLATES
from province.manifest.source_line import line_named, source_of
from province.ops.node_ssh import SshContact
from province.ops.node_wire import NodeTrouble, ask, request

MEND = "correct the template or the fact"


def one_of_each_kind(hosts: Iterable[Host]) -> list[Host]:
    """The first host of each class and routing domain: files of one kind differ in values, not in form."""
    return list({(host.host_class, host.routing_domain): host for host in reversed(list(hosts))}.values())


def rehearse(fleet: Fleet, manifests: Iterable[Manifest], templates: Path = TEMPLATES) -> list[Finding]:
    """What the hosts' programs refuse, as problems of templates; each host is asked over a connection of its own.

    A host that is out of reach or has its own trouble is passed over: its own turn will show that.
    """
    asked = list(manifests)
    with ThreadPoolExecutor(max_workers=max(1, len(asked))) as pool:
        return [finding for found in pool.map(lambda one: _refusals(fleet, one, templates), asked) for finding in found]


def _refusals(fleet: Fleet, manifest: Manifest, templates: Path) -> list[Finding]:
    question = request("rehearse", digest=manifest.digest, only=(), check=True)
    try:
        answer = ask(SshContact(fleet, manifest.host), question, manifest.desired)
    except (ConnectionError, NodeTrouble):
        return []
    return [_finding(manifest, one["path"], one["said"], templates) for one in answer["refused"]]


def _finding(manifest: Manifest, path: str, said: str, templates: Path) -> Finding:
    """A refusal as the problem of a template's line, as far as the program names a line of its file."""
    file = manifest.files[path]
    number = line_named(said, path)
    lines = file.content.splitlines()
    line = lines[number - 1] if number and number <= len(lines) else ""
    problem = f"{path} of {manifest.host} is refused: {' '.join(said.split())}"
    return Finding(f"templates/{file.template}", source_of(file.template, line, templates), line.strip(), problem, MEND)
