"""What the controller does with copies of nodes: it alone opens what nodes sealed, and brings the password to a site.

A password goes over the wire's standard input to a program at the site, under the account of the store and without any
network, and is forgotten with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.manifest.copies import stores
from province.manifest.revoked import load_revoked
from province.manifest.trust import register_of, trust_folder
from province.ops.question import Ask, answers
from province.pki import seal
from province.pki.authority import authority_folder

KEY = "repository"
"""Under which name the register keeps what a node sealed: its file is /etc/copies/repository.key."""
LOOK = ("python3", "-I", "/usr/local/lib/province/copies", "status", "/etc/copies/plan.json")
STORE = ("python3", "-I", "/usr/local/lib/province/copies-store")
ALONE = (
    *("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "-p", "User=copies", "-p", "PrivateNetwork=yes"),
    *("-p", "PrivateTmp=yes", "-p", "ProtectSystem=strict", "-p", "ProtectHome=yes", "-p", "NoNewPrivileges=yes"),
    *("-p", "StateDirectory=copies copies-drill", "-p", "StateDirectoryMode=0700", "-p", "UMask=0077"),
)


@dataclass(frozen=True)
class Box:
    """One box that a node was or is: where its copies lie at every site, and its password, sealed."""

    node: str
    place: str
    sealed: str
    revoked: bool


def boxes(fleet: Fleet, node: str) -> list[Box]:
    """Every box that the registers know of a node: the enrolled one, then those that were revoked, the newest first."""
    enrolled = register_of(fleet).enrolled.keys.get(node, {})
    before = [row.keys for row in reversed(load_revoked(trust_folder(fleet))) if row.host == node]
    found = [
        (keys[KEY], revoked) for keys, revoked in ((enrolled, False), *((one, True) for one in before)) if KEY in keys
    ]
    return [Box(node, sha256(sealed.encode()).hexdigest()[:16], sealed, revoked) for sealed, revoked in found]


def store_of(fleet: Fleet, site: str) -> str:
    """The host that keeps the copies at a site; ProvinceError for a site that keeps none."""
    found = stores(tuple(fleet.hosts.values()))
    if site not in found:
        raise ProvinceError(
            f"{site}: no such site keeps copies", hint=f"there are: {', '.join(found)}", exit_code=ExitCode.USAGE
        )
    return found[site].name


def status(ask: Ask, nodes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Of each node: by site, how old the newest copy is and what stood against a later one; or why it does not say."""
    return answers(ask, nodes, LOOK)


def late(told: dict[str, Any]) -> list[str]:
    """The sites at which the newest copy is too old."""
    return [site for site, one in told.items() if isinstance(one, dict) and one["age_s"] > one["oldest_s"]]


def drill(fleet: Fleet, ask: Ask, node: str, site: str) -> dict[str, Any]:
    """Restore the newest copies of a node at a site, in a folder of their own, and compare every file.

    Raises ProvinceError when there is nothing to restore or something that came back is not what was copied.
    """
    host = store_of(fleet, site)
    shown = json.loads(ask(host, (*ALONE, *STORE, "show"), ""))
    box = next((one for one in boxes(fleet, node) if one.place in shown.get(node, {})), None)
    if box is None:
        raise ProvinceError(
            f"{node}: {site} has no copies of it that anybody here could open", hint=_nothing(fleet, node)
        )
    told = json.loads(ask(host, (*ALONE, *STORE, "drill", node, box.place), _opened(fleet, box)))
    assert isinstance(told, dict)  # noqa: S101 - the program's own type
    return {**told, "site": site, "store": host, "revoked": box.revoked}


def thin(fleet: Fleet, ask: Ask, site: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Forget what the model lets go, box by box; what became of each. The store then counts anew what it has."""
    host = store_of(fleet, site)
    rules = json.dumps({str(kind): days for kind, days in fleet.province.copies.days.items()})
    shown: dict[str, dict[str, Any]] = json.loads(ask(host, (*ALONE, *STORE, "show"), ""))
    for node, places in sorted(shown.items()):
        known = {one.place: one for one in boxes(fleet, node)}
        for place in places:
            if place not in known:
                yield f"{node}/{place}", {"trouble": "no register knows this box; somebody has to look"}
                continue
            words = (*ALONE, *STORE, "thin", node, place, rules)
            try:
                yield f"{node}/{place}", json.loads(ask(host, words, _opened(fleet, known[place])))
            except ProvinceError as error:
                yield f"{node}/{place}", {"trouble": str(error)}
    # It counts what comes, and not what went; and who had filled a room may have some again.
    ask(host, ("systemctl", "restart", "copies-store.service", "copies-weigh.service"), "")


def record(folder: Path, told: dict[str, Any], on: str) -> tuple[Path, str]:
    """File a drill where it stays; the file and its SHA-256, for the register of work (`work-records.yml`)."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{on}-{told['node']}-{told['site']}.json"
    text = json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    path.write_text(text, encoding="utf-8")
    return path, sha256(text.encode()).hexdigest()


def _opened(fleet: Fleet, box: Box) -> str:
    return seal.opened(seal.load(authority_folder(fleet)), box.sealed, box.node) + "\n"


def _nothing(fleet: Fleet, node: str) -> str:
    return (
        f"see what it last tried: province copies status {node} -e {fleet.environment.id}"
        if boxes(fleet, node)
        else "it was never enrolled with a password: ansible-playbook ansible/playbooks/enrol.yml"
    )
