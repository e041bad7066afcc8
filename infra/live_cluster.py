"""Ask the cluster itself who it is, before anything is declared in it."""

from __future__ import annotations

import http.client
import json
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra.kubeconfig import Access
from province.errors import ExitCode, ProvinceError
from province.fleet.descriptor import certificate_sha256

TIMEOUT_S = 10.0
HTTPS_PORT = 443


@dataclass(frozen=True)
class LiveCluster:
    """What an API server says of itself. Its certificate was checked against the CA that is named here."""

    kube_system_uid: str
    ca_sha256: str
    kubernetes: str


def ask(access: Access) -> LiveCluster:
    """The identity of the cluster that answers.

    Raises ProvinceError (unreachable) when nobody answers, or (failed) when the answer is a refusal.
    """
    namespace = _get(access, "/api/v1/namespaces/kube-system")
    version = _get(access, "/version")
    return LiveCluster(
        kube_system_uid=namespace["metadata"]["uid"],
        ca_sha256=certificate_sha256(access.ca),
        kubernetes=str(version["gitVersion"]).removeprefix("v"),
    )


def _get(access: Access, path: str) -> dict[str, Any]:
    server = urlsplit(access.server)
    headers = {"Authorization": f"Bearer {access.token}"} if access.token else {}
    try:
        connection = http.client.HTTPSConnection(
            server.hostname or "", server.port or HTTPS_PORT, timeout=TIMEOUT_S, context=_trust(access)
        )
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
    except ssl.SSLCertVerificationError as error:
        raise ProvinceError(
            f"{access.server} is not signed by the CA of the kubeconfig: {error.verify_message}",
            hint="another cluster answers at this address: fetch kubeconfig and descriptor again",
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise ProvinceError(
            f"{access.server} does not answer: {error}",
            hint="the lab's clusters are reached from inside: province lab shell; else see whether they run",
            exit_code=ExitCode.UNREACHABLE,
        ) from None
    if answer.status != http.HTTPStatus.OK:
        raise ProvinceError(
            f"{access.server}{path} answers {answer.status} {answer.reason}",
            hint="the kubeconfig's user may not read it: fetch the kubeconfig again",
        )
    found: dict[str, Any] = json.loads(body)
    return found


def _trust(access: Access) -> ssl.SSLContext:
    """Trust only the cluster's own CA, and present the client certificate if there is one."""
    context = ssl.create_default_context(cadata=access.ca)
    if access.certificate and access.key:
        # The library loads a client certificate from a file only; the folder is private and gone at once.
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "client.pem"
            file.write_text(f"{access.certificate}\n{access.key}", encoding="ascii")
            context.load_cert_chain(file)
    return context
