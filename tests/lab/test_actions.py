"""Operators' actions on real hosts: a service restarts, evidence comes here, every gateway refuses a revoked box."""

from __future__ import annotations

import time

import pytest

from province.fleet.load import load_fleet
from province.fleet.tunnels import Tunnel
from province.ops.actions.remote import SshRemote, must

from .conftest import Command

pytestmark = [pytest.mark.lab, pytest.mark.soak]

NODE = "phu-quoc-party"
WHY = ("--reason", "lab test", "--ticket", "LAB-1", "--go")
FLEET = load_fleet("lab")
MINUTE = 60.0
BGP = 179


def test_a_service_is_restarted_and_evidence_is_brought(province: Command) -> None:
    for verb in (("restart-service", NODE, "--service", "chrony"), ("collect-evidence", NODE)):
        done = province("op", *verb, *WHY, "--yes-hosts", "1")
        assert done.returncode == 0, done.stderr
        assert "1 done and healthy" in done.stdout


def carries(remote: SshRemote, tunnel: Tunnel) -> bool:
    """Whether the node reaches the gateway's router inside the tunnel."""
    end = f"/dev/tcp/{tunnel.gateway_address.plain[0]}/{BGP}"
    return remote.run(NODE, ["timeout", "3", "bash", "-c", f"exec 3<>{end}"]).code == 0


def test_a_revoked_box_is_refused_by_every_gateway_within_a_minute(province: Command) -> None:
    """The way back is a new enrolment with new keys: `wg genkey` on the box, as on one that replaces it."""
    remote = SshRemote(FLEET)
    ends = [tunnel for tunnel in FLEET.tunnels if tunnel.node == NODE]
    gateways = sorted({tunnel.gateway for tunnel in ends})
    assert [one.node_device for one in ends if not carries(remote, one)] == []
    begun = time.monotonic()
    done = province("op", "revoke-node", NODE, *WHY, "--yes-hosts", str(len(gateways)))
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begun < MINUTE
    try:
        assert [one.node_device for one in ends if carries(remote, one)] == []
    finally:
        for tunnel in ends:
            must(remote, NODE, ["rm", "-f", f"/etc/wireguard/{tunnel.node_device}.key"])
        must(remote, NODE, ["rm", "-f", "/etc/ssl/province/host.key", "/etc/ssl/province/host.key.csr"])
        assert province("apply", NODE, "--reason", "new keys", "--yes-hosts", "1", "--soak", "0").returncode in (0, 1)
        assert province("enrol", "--host", NODE).returncode == 0
        for hosts in (gateways, [NODE]):
            told = province("apply", *hosts, "--reason", "new keys", "--yes-hosts", str(len(hosts)), "--soak", "0")
            assert told.returncode == 0, told.stdout
