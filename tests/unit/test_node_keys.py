"""Keys that a host makes for itself: made once, kept, never shown."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node_in_folder import HostInFolder, a_key, a_part, a_unit, look, node_module, run

TLS = "/etc/unbound/tls/server.key"


@pytest.fixture
def host(tmp_path: Path) -> HostInFolder:
    return HostInFolder(tmp_path)


def converge(host: HostInFolder, **parts: Any) -> list[str]:
    return list(run(host, a_part(**parts)).changes)


def request(host: HostInFolder, path: str = TLS) -> str:
    return subprocess.run(
        ["openssl", "req", "-in", host.path(f"{path}.csr"), "-noout", "-verify", "-text"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_a_key_is_made_once_with_a_request_for_the_host_and_its_names(host: HostInFolder) -> None:
    keys = {TLS: a_key(TLS, names=["dns.h.test", "198.18.0.7", "h.test", "2001:db8::7"])}
    assert converge(host, keys=keys) == [f"make key {TLS}"]
    private = host.path(TLS)
    assert private.stat().st_mode & 0o777 == 0o600
    made = private.read_bytes()
    shown = request(host)
    assert "CN = h.test" in shown or "CN=h.test" in shown
    alternatives = "DNS:h.test, DNS:dns.h.test, IP Address:198.18.0.7, IP Address:2001:DB8:0:0:0:0:0:7"
    assert alternatives in shown
    assert converge(host, keys=keys) == []
    assert private.read_bytes() == made


def test_other_names_make_another_request_for_the_same_key(host: HostInFolder) -> None:
    converge(host, keys={TLS: a_key(TLS)})
    made = host.path(TLS).read_bytes()
    other = {TLS: a_key(TLS, names=["ntp.h.test"])}
    assert converge(host, keys=other) == [f"write {TLS}.csr"]
    assert "DNS:ntp.h.test" in request(host)
    assert host.path(TLS).read_bytes() == made
    assert converge(host, keys=other) == []


def test_a_public_half_that_is_gone_is_written_again_from_the_same_key(host: HostInFolder) -> None:
    path = "/etc/ssh/relay"
    keys = {path: a_key(path, "ssh-ed25519")}
    converge(host, keys=keys)
    public = host.read(f"{path}.pub")
    assert public.startswith("ssh-ed25519 ")
    host.path(f"{path}.pub").unlink()
    assert converge(host, keys=keys) == [f"write {path}.pub"]
    assert host.read(f"{path}.pub") == public
    assert [one.name for one in host.path("/etc/ssh").iterdir()] == ["relay", "relay.pub"]


def test_a_key_that_everybody_may_read_is_closed_again(host: HostInFolder) -> None:
    keys = {TLS: a_key(TLS)}
    converge(host, keys=keys)
    host.path(TLS).chmod(0o644)
    assert converge(host, keys=keys)[0].startswith(f"give key {TLS} to ")
    assert host.path(TLS).stat().st_mode & 0o777 == 0o600


def test_a_new_key_restarts_what_reads_it(host: HostInFolder) -> None:
    host.units["dns.service"] = {"active": "active", "file": "enabled"}
    units = {"dns.service": a_unit(restart_on=["/etc/unbound/tls/*"])}
    assert converge(host, keys={TLS: a_key(TLS)}, units=units) == [f"make key {TLS}", "restart dns.service"]


def test_a_program_that_is_missing_is_named(host: HostInFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "PROGRAMS", "/nowhere")
    with pytest.raises(node_module.Trouble, match="openssl: no such program; its package is missing"):
        converge(host, keys={TLS: a_key(TLS)})


def test_a_key_is_never_shown(host: HostInFolder) -> None:
    keys = {TLS: a_key(TLS)}
    plan = look(host, a_part(keys=keys))
    converge(host, keys=keys)
    secret = host.path(TLS).read_text(encoding="utf-8").splitlines()[1]
    assert plan.diff() == [{"prepared": f"make key {TLS}\n"}]
    found = [
        path for path in Path(host.root).rglob("*") if path.is_file() and secret in path.read_text(errors="replace")
    ]
    assert found == [host.path(TLS)]
    assert secret not in json.dumps(look(host, a_part(keys={TLS: a_key(TLS, mode="0640")})).diff())
