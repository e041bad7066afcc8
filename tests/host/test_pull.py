"""Bundles for nodes without a controller: looked for in time, by one name's signature alone, and none was bad."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host as Connection

from province.pki.anchors import fingerprints
from province.verify.expectations import Expected

pytestmark = [pytest.mark.proves("communes"), pytest.mark.hosts("edge")]

ASK = """
import json, sys
sys.path.insert(0, "/usr/local/lib/province-node/current")
from province_node import bundles, node
plan, host = json.load(open("/etc/province-pull/plan.json")), node.Node()
print(json.dumps([type(bundles.fetch(host, plan, door)).__name__ for door in plan["doors"]]))
"""


def test_the_timer_that_is_loaded_looks_as_often_as_declared(host: Connection, expected: Expected) -> None:
    words = "ActiveState,TimersMonotonic,Unit"
    shown = host.check_output(f"systemctl show --property {words} province-pull.timer")
    assert "ActiveState=active" in shown
    assert "Unit=province-pull.service" in shown
    every = expected.facts["pull_every_s"]
    wanted = f"{every // 3600}h" if every % 3600 == 0 else f"{every // 60}min"
    assert f"OnUnitActiveUSec={wanted} ;" in shown


def test_the_doors_of_all_sites_let_this_node_in(host: Connection, expected: Expected) -> None:
    """Asked with its own certificate, by its own code; whether a bundle lies there is another matter."""
    answers = json.loads(host.check_output("python3 -ISc %s", ASK))
    assert answers == ["Answer"] * len(expected.facts["pull_doors"])


def test_no_bundle_was_refused_or_failed(host: Connection) -> None:
    """The node's own account of its last try; before the first one there is none."""
    told = json.loads(host.check_output("cat /var/lib/province/pulled.json 2>/dev/null || echo {}"))
    assert told.get("state") not in {"refused", "failed", "unconfirmed"}, told


def test_one_name_of_the_operators_authority_may_sign_and_for_nothing_else(
    host: Connection, expected: Expected
) -> None:
    """What is read is what OpenSSH reads: comments left out."""
    text = host.check_output("cat /etc/province-pull/allowed_signers")
    lines = [one.split(maxsplit=2) for one in text.splitlines() if one[:1] != "#"]
    assert {(name, options) for name, options, _ in lines} == {
        (expected.facts["pull_signer"], 'cert-authority,namespaces="province-pull"')
    }
    assert fingerprints("\n".join(key for *_, key in lines)) == fingerprints(expected.trust.ssh_user_ca)
