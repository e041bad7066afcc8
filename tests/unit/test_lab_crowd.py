"""What is done otherwise when a whole province shares one machine."""

from __future__ import annotations

from collections import Counter

import pytest

from province.fleet.load import load_fleet
from province.lab.own import OWN_PACKAGES
from province.lab.topology import lab_spec


def test_a_few_nodes_all_begin_with_bare_debian() -> None:
    spec = lab_spec(load_fleet("lab"))
    assert spec.prepared == ()
    assert {guest.image for guest in spec.guests} == {"host", "kubernetes"}


def test_of_a_crowd_the_named_communes_begin_with_bare_debian_and_the_rest_has_its_packages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROVINCE_COMMUNES", "102")
    fleet = load_fleet("lab")
    spec = lab_spec(fleet)
    kinds = Counter(guest.image for guest in spec.guests if guest.name in {node.name for node in fleet.nodes})
    named = 2 * len(fleet.environment.fast_communes)
    assert kinds == {"node": len(fleet.nodes) - named, "host": named}
    assert {"nats-server", "rsyslog-relp", "wireguard-tools"} <= set(spec.prepared)
    assert not set(OWN_PACKAGES) & set(spec.prepared), "what is made for this week is no part of a disk"
