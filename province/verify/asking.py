"""How a server of ours answers a host: a request with the certificate of the host, of a stranger, or none."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Literal

PLACE = "/etc/ssl/province"
REGISTRY = 5000
"""The port of a registry of images."""
Caller = Literal["host", "stranger", "nobody"]
"""Whose certificate is shown: the host's own, one that nobody signed but its bearer, or none."""

STRANGER = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=$(hostname) "
    "-keyout $shown/stranger.key -out $shown/stranger.pem 2>/dev/null; "
)

ASK = """
import http.client, ssl, sys
name, port, method, path, authority, *callers = sys.argv[1:]
for pair in callers:
    context = ssl.create_default_context(cafile=authority or None)
    if pair != "nobody":
        context.load_cert_chain(pair + ".pem", pair + ".key")
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
    callers: Sequence[Caller] = ("host",),
    authority: str = f"{PLACE}/service-ca.pem",
) -> str:
    """The command that prints, for each caller, the status of its answer or why there was none.

    The server is always checked.

    `authority` is the file with the certificates that the registry's own must lead to; "" for those of Debian.
    """
    words = shlex.join([server, str(port), method, path, authority])
    shown = {"host": f"{PLACE}/host", "stranger": "$shown/stranger", "nobody": "nobody"}
    pairs = " ".join(shown[one] for one in callers)
    asked = f"python3 -c {shlex.quote(ASK)} {words} {pairs}"
    return f"shown=$(mktemp -d); {STRANGER}{asked}; rm -r $shown" if "stranger" in callers else asked
