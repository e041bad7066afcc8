"""Every authority is followed by another on all hosts of the lab, and a prober that connects is never refused."""

from __future__ import annotations

import pytest

from province.fleet.load import load_fleet
from province.manifest.rotations import Kind, Phase
from province.ops.node_ssh import SshContact
from province.ops.rotation.standing import Standing
from tests.consumers.probing import Prober

from .conftest import Command

pytestmark = [pytest.mark.lab, pytest.mark.soak]

FLEET = load_fleet("lab")
STEPS = (Phase.BOTH, Phase.NEW_SIGNS, Phase.NEW_ONLY)
WHY = ("--reason", "lab test", "--ticket", "LAB-2", "--go")


@pytest.mark.parametrize("kind", Kind)
def test_an_authority_is_followed_on_every_host(province: Command, kind: Kind) -> None:
    """Ten connections a second, host after host, through all three steps."""
    with Prober([SshContact(FLEET, host).words("true") for host in FLEET.hosts]) as prober:
        for phase in STEPS:
            done = province("op", "rotate", kind, "--phase", phase, *WHY, "--yes-hosts", str(len(FLEET.hosts)))
            assert done.returncode == 0, done.stdout + done.stderr
            assert Standing.of(FLEET, kind).phase is phase
            if (kind, phase) == (Kind.SERVICE_CA, Phase.NEW_SIGNS):
                for site in FLEET.data_centres:  # the names that users see
                    assert province("certificates", site.id).returncode == 0
    assert prober.failures() == []
    told = province("op", "rotate", kind)
    assert (told.returncode, "ended" in told.stdout) == (0, True), told.stdout
    assert province("verify").returncode == 0
