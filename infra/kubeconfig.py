"""A kubeconfig file, as far as one needs it to ask an API server who it is."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from province.errors import ExitCode, ProvinceError
from province.fleet.documents import read_yaml


@dataclass(frozen=True)
class Access:
    """How to reach an API server and to be trusted by it: certificates in PEM form, or a token."""

    server: str
    ca: str
    certificate: str | None = None
    key: str | None = None
    token: str | None = None


def read_kubeconfig(path: Path) -> Access:
    """The access that the current context of a kubeconfig file gives.

    Raises ProvinceError when the file is missing or does not hold what is needed. Plug-ins that fetch
    credentials (`exec`) are not run: what stands between a person and the cluster must be in the file.
    """
    if not path.is_file():
        raise ProvinceError(
            f"{path}: no kubeconfig for this cluster",
            hint="the playbook `cluster` fetches it; in the lab: province lab up",
            exit_code=ExitCode.MACHINE,
        )
    document = read_yaml(path, str(path))
    try:
        context = _named(document, "contexts", "context", document["current-context"])
        cluster = _named(document, "clusters", "cluster", context["cluster"])
        user = _named(document, "users", "user", context["user"])
        access = Access(
            server=cluster["server"],
            ca=_text(path, cluster, "certificate-authority") or "",
            certificate=_text(path, user, "client-certificate"),
            key=_text(path, user, "client-key"),
            token=user.get("token"),
        )
    except (KeyError, TypeError) as error:
        raise _unfit(path, f"{error} is missing or not what it should be") from None
    except (binascii.Error, UnicodeDecodeError, OSError) as error:
        raise _unfit(path, str(error)) from None
    if not access.ca:
        raise _unfit(path, "the cluster has no certificate-authority-data")
    if not access.token and not (access.certificate and access.key):
        raise _unfit(path, "the user has neither a client certificate with its key nor a token")
    return access


def _named(document: Mapping[str, Any], collection: str, part: str, name: str) -> Mapping[str, Any]:
    for entry in document[collection]:
        if entry["name"] == name:
            found: Mapping[str, Any] = entry[part]
            return found
    raise KeyError(f"{collection}.{name}")


def _text(path: Path, entry: Mapping[str, Any], key: str) -> str | None:
    """The value of `<key>-data`, or of the file that `<key>` names, relative to the kubeconfig."""
    if data := entry.get(f"{key}-data"):
        return base64.b64decode(data, validate=True).decode("ascii")
    return (path.parent / entry[key]).read_text(encoding="ascii") if entry.get(key) else None


def _unfit(path: Path, problem: str) -> ProvinceError:
    return ProvinceError(
        f"{path}: {problem}", hint="fetch it again with the playbook `cluster`", exit_code=ExitCode.BAD_DATA
    )
