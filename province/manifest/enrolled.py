"""The register of enrolled hosts: the public halves of keys that were made on a host and never leave it.

Below `inventories/<environment>/trust/`, all public, so that Git may keep it:
  keys.yml                  host → name of the key → public key (WireGuard: one key for each tunnel device)
  certificates/<host>.pem   what the service authority signed for the host
  requests/<host>.csr       what waits for an authority whose key lies elsewhere
  certificates/<host>-cert.pub, requests/<host>.pub   the same for the SSH key of a box that claimed its node
The playbook `enrol` writes it; nobody edits it by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pydantic import TypeAdapter, ValidationError

from province.fleet.documents import read_yaml
from province.fleet.fact import NonBlank, Slug
from province.fleet.findings import BadData, Finding

KEYS = "keys.yml"
CERTIFICATES = "certificates"
REQUESTS = "requests"
SSH_CERTIFICATE = "-cert.pub"
SSH_REQUEST = ".pub"
SSH_KEY = "ssh_host_ed25519_key"
"""The name under which the register keeps the SSH key of a box that claimed its node."""
PEM_BEGINS = "-----BEGIN CERTIFICATE-----\n"
MEND = "remove it and enrol the host again: ansible-playbook ansible/playbooks/enrol.yml --limit HOST"

_KEYS = TypeAdapter(dict[Slug, dict[NonBlank, NonBlank]])


@dataclass(frozen=True)
class Enrolled:
    """Public keys by host and name, certificates (PEM) by host."""

    keys: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    certificates: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


NOBODY = Enrolled()


def load_enrolled(trust: Path) -> Enrolled:
    """The register below a folder of trust anchors, empty where nothing was enrolled yet.

    Raises BadData that names the file, and says how to mend it.
    """
    certificates = sorted((trust / CERTIFICATES).glob("*.pem"))
    return Enrolled(
        keys=MappingProxyType(_keys(trust)),
        certificates=MappingProxyType({path.stem: _certificate(trust, path) for path in certificates}),
    )


def stand_in_enrolled(hosts: Iterable[str]) -> Enrolled:
    """A register in which every host has a certificate that nobody signed, for looking at manifests."""
    return Enrolled(certificates={name: f"stand-in for the certificate of {name}\n" for name in hosts})


def keys_text(keys: Mapping[str, Mapping[str, str]]) -> str:
    """The content of `keys.yml`, sorted, so that Git shows a new key as one line."""
    lines = ["# Public keys that hosts made; written by the playbook `enrol`."]
    for host in sorted(keys):
        lines.append(f"{host}:")
        lines += [f"  {name}: {json.dumps(key)}" for name, key in sorted(keys[host].items())]
    return "\n".join(lines) + "\n"


def _keys(trust: Path) -> dict[str, dict[str, str]]:
    path = trust / KEYS
    shown = _shown(trust, path)
    if not path.is_file():
        return {}
    try:
        return _KEYS.validate_python(read_yaml(path, shown) or {})
    except ValidationError as error:
        raise BadData(
            Finding(shown, ".".join(map(str, item["loc"])), str(item["input"])[:60], item["msg"], MEND)
            for item in error.errors(include_url=False)
        ) from None


def _certificate(trust: Path, path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if not text.startswith(PEM_BEGINS):
        raise BadData([Finding(_shown(trust, path), "", text[:30], "is no certificate in PEM", MEND)])
    return text


def _shown(trust: Path, path: Path) -> str:
    """How findings name a file: from the checkout's root."""
    return "/".join((*trust.parts[-3:], *path.relative_to(trust).parts))
