"""The field swap of a real node, by the written procedure: a bare box with a stick is the node, the old keys are out.

docs/handbook/field-swap.md is the procedure; the same commands in the same order.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from province.errors import ExitCode
from province.fleet.load import load_fleet
from province.lab import desk, provision
from province.manifest.enrolled import SSH_KEY
from province.manifest.trust import register_of, trust_folder
from province.ops.actions.remote import SshRemote, must

from .conftest import CHECKOUT, Command, parsed

pytestmark = [pytest.mark.lab, pytest.mark.soak]

NODE = "an-minh-people"
FLEET = load_fleet("lab")
WHOLE_S = 600.0
HANDS_ON_S = 120.0
GATEWAYS = [host.name for host in FLEET.hosts.values() if host.host_class == "gateway"]
WHY = ("--reason", "field swap", "--ticket", "LAB-2")


def let_in(remote: SshRemote) -> str:
    """Every key that some device of some gateway lets in."""
    return "".join(must(remote, gateway, ["wg", "show", "all", "peers"]) for gateway in GATEWAYS)


def done(ended: subprocess.CompletedProcess[str]) -> str:
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_a_spare_box_is_the_node_within_ten_minutes_and_the_old_keys_are_refused(
    province: Command, ansible: Command, tmp_path: Path
) -> None:
    remote = SshRemote(FLEET)
    old = dict(register_of(FLEET).enrolled.keys[NODE])
    tunnels = {tunnel.node_device: old[tunnel.node_device] for tunnel in FLEET.tunnels if tunnel.node == NODE}
    assert set(tunnels.values()) <= set(let_in(remote).split())
    begun = time.monotonic()
    go = ("--to", str(tmp_path), *WHY, "--go", "--yes-hosts", str(len(GATEWAYS)))
    done(province("op", "replace-node", NODE, *go))
    assert not set(tunnels.values()) & set(let_in(remote).split())
    # The hands: the old box off, the spare in its place, the stick in, power on.
    hands = time.monotonic()
    desk.swap(CHECKOUT, provision.specification(FLEET), NODE, tmp_path / f"{NODE}-seed")
    hands_on = time.monotonic() - hands
    provision.up(FLEET)
    while (claimed := province("claim", NODE)).returncode == ExitCode.UNREACHABLE:
        assert time.monotonic() - begun < WHOLE_S, claimed.stderr
        time.sleep(2)
    done(claimed)
    done(ansible("enrol", "-e", f"enrol_hosts={NODE}"))
    done(ansible("baseline", "--limit", ",".join([*GATEWAYS, NODE])))
    done(province("verify", *(word for name in (*GATEWAYS, NODE) for word in ("--select", name))))
    whole = time.monotonic() - begun
    print(f"swap of {NODE}: {whole:.0f} s, of which the lab's hands {hands_on:.1f} s")
    assert (whole < WHOLE_S, hands_on < HANDS_ON_S) == (True, True)
    new = register_of(FLEET).enrolled.keys[NODE]
    assert not set(new.values()) & set(old.values())
    peers = set(let_in(remote).split())
    assert {new[device] for device in tunnels} <= peers
    assert not set(tunnels.values()) & peers
    boxes = parsed(province("boxes", NODE, "--json"))
    assert [(one["why"], bool(one["until"])) for one in boxes[-2:]] == [("field swap", True), ("", False)]
    assert boxes[-1]["keys"][SSH_KEY] in must(
        remote, NODE, ["ssh-keygen", "-l", "-f", f"/etc/ssh/province/{SSH_KEY}.pub"]
    )
    assert (trust_folder(FLEET) / "certificates" / f"{NODE}-cert.pub").is_file()
    assert "changed=0" in ansible("baseline", "--limit", NODE).stdout


def test_the_stick_of_the_swap_is_worth_nothing_afterwards(province: Command, tmp_path: Path) -> None:
    """The box that has used it answers no other, and a node with a box gets no seed beside it."""
    again = province("claim", NODE)
    assert (again.returncode, "has ended its first boot" in again.stderr) == (int(ExitCode.FAILED), True)
    beside = province("provision", NODE, "--to", str(tmp_path))
    assert (beside.returncode, f"province op replace-node {NODE}" in beside.stderr) == (int(ExitCode.FAILED), True)
