"""How a server of ours answers a host: one request, with the certificate of the host, of a stranger, or none."""

from __future__ import annotations

import shlex
from typing import Literal

PLACE = "/etc/ssl/province"
REGISTRY = 5000
"""The port of a registry of images."""
Caller = Literal["host", "stranger", "nobody"]
"""Whose certificate is shown: the host's own, one that nobody signed but its bearer, or none."""

STRANGER = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=$(hostname) "
    "-keyout $shown/key -out $shown/pem 2>/dev/null"
)

ASK = """
import http.client, ssl, sys
name, port, method, path, authority, folder = sys.argv[1:]
context = ssl.create_default_context(cafile=authority or None)
if folder:
    context.load_cert_chain(folder + "/pem", folder + "/key")
connection = http.client.HTTPSConnection(name, int(port), context=context, timeout=10)
try:
    connection.request(method, path, headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
    print(connection.getresponse().status)
except (OSError, http.client.HTTPException) as error:
    print(error)
"""


def ask(
    server: str,
    path: str,
    *,
    port: int = REGISTRY,
    method: str = "GET",
    caller: Caller = "host",
    authority: str = f"{PLACE}/service-ca.pem",
) -> str:
    """The command that prints the status of an answer, or why there was none; the server is always checked.

    `authority` is the file with the certificates that the registry's own must lead to; "" for those of Debian.
    """
    words = shlex.join([server, str(port), method, path, authority])
    shown = {
        "host": f"ln -s {PLACE}/host.pem $shown/pem; ln -s {PLACE}/host.key $shown/key",
        "stranger": STRANGER,
        "nobody": "true",
    }[caller]
    folder = "''" if caller == "nobody" else "$shown"
    return f"shown=$(mktemp -d); {shown}; python3 -c {shlex.quote(ASK)} {words} {folder}; rm -r $shown"
