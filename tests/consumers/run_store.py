"""A store for runs in shards: moto's server, which speaks S3 and keeps objects in memory, behind a certificate of ours.

It is nobody's storage: what it shows is that pods and desk reach one store as they would reach a real one.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPSConnection
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from province.pki.authority import Authority
from province.pki.subject import Subject

KEYS = {"AWS_ACCESS_KEY_ID": "anybody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_REGION": "us-east-1"}
"""The variables of whoever uses it, beside its address and whom to trust."""


@contextmanager
def serving(
    address: IPv4Address, port: int, bucket: str, *, signer: Authority, folder: Path
) -> Iterator[dict[str, str]]:
    """Serve one empty bucket while the block runs; the variables by which obstore reaches it. Port 0: any."""
    certificate, trusted = folder / "store.pem", folder / "authority.pem"
    certificate.write_text(_identity(signer, address), encoding="utf-8")
    trusted.write_text(signer.pem, encoding="utf-8")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server(str(address), port, application, threaded=True, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        believed = ssl.create_default_context(cafile=str(trusted))
        client = HTTPSConnection(str(address), server.server_port, context=believed)
        client.request("PUT", f"/{bucket}")
        assert client.getresponse().status == 200
        client.close()
        url = f"https://{address}:{server.server_port}"
        yield {**KEYS, "AWS_ENDPOINT_URL": url, "SSL_CERT_FILE": str(trusted)}
    finally:
        server.shutdown()
        thread.join()


def _identity(signer: Authority, address: IPv4Address) -> str:
    """A new key and what the authority says of it, as one text."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    wanted = request.public_bytes(Encoding.PEM).decode()
    certificate = signer.sign(wanted, Subject(("store",), (address,)), datetime.now(UTC))
    return certificate + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
