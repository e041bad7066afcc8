"""What the lab engine decides before it touches the machine."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface
from pathlib import Path

from province.lab import bootstrap, ca, network
from province.lab.spec import GuestSpec, LabSpec, NetworkSpec, NicSpec, Route, problems
from province.lab.state import Place

GATEWAY = IPv4Interface("198.18.0.1/24")
NIC = NicSpec(
    device="wan0",
    network="wan",
    addresses=(IPv4Interface("198.18.0.11/24"), IPv6Interface("2001:db8::11/64")),
    gateways=(GATEWAY.ip,),
    mbps=6,
    management=True,
)
GUEST = GuestSpec("node-a", (NIC, NicSpec("lan0", None, (IPv4Interface("198.18.9.1/24"),))))
SPEC = LabSpec(
    domain="lab.test",
    station=IPv4Address("198.18.0.1"),
    networks=(NetworkSpec("wan", GATEWAY, IPv6Interface("2001:db8::1/64")),),
    guests=(GUEST,),
)


def test_a_sound_lab_has_no_problems() -> None:
    assert problems(SPEC) == []


def test_every_problem_of_a_lab_is_named() -> None:
    twice = replace(GUEST, nics=(replace(NIC, network="wam"), replace(NIC, management=False)))
    nameless = GuestSpec("Node B", (replace(NIC, addresses=(), network="wan"),))
    spec = replace(SPEC, networks=(*SPEC.networks, NetworkSpec("a-name-too-long-for-linux")), guests=(twice, nameless))
    assert problems(spec) == [
        "network a-name-too-long-for-linux: not a link name",
        "guest node-a: device wan0 occurs twice",
        "guest node-a: wan0: no network wam",
        "guest Node B: not a host name",
        "guest Node B: the management interface has no address or no network",
        "address 198.18.0.11 occurs twice",
        "address 2001:db8::11 occurs twice",
    ]


def test_a_guest_needs_exactly_one_management_interface() -> None:
    spec = replace(SPEC, guests=(GuestSpec("node-a", (replace(NIC, management=False),)),))
    assert problems(spec) == ["guest node-a: 0 management interfaces, exactly one is needed"]


def test_links_have_distinct_names_that_fit_the_kernel() -> None:
    guests = [GuestSpec(f"special-zone-number-{i}-party", (NIC,) * 12) for i in range(300)]
    names = {name for guest in guests for name in network.links(replace(guest, nics=_devices())).values()}
    assert len(names) == 300 * 12
    assert max(map(len, names)) <= 15
    assert not names & {network.shaper(name) for name in names}


def _devices() -> tuple[NicSpec, ...]:
    return tuple(replace(NIC, device=f"wan{i}") for i in range(12))


def test_bridges_get_addresses_station_and_routes() -> None:
    spec = replace(SPEC, station=IPv4Address("198.18.255.1"), routes=(Route("198.18.64.0/18", NIC.addresses[0].ip),))
    lines = network.bridges(spec, present=set())
    assert lines[1].startswith("link add wan address 02:")
    assert "addr replace 198.18.0.1/24 dev wan nodad" in lines
    assert "addr replace 2001:db8::1/64 dev wan nodad" in lines
    assert "addr replace 198.18.255.1/32 dev lo" in lines
    assert lines[-1] == "route replace 198.18.64.0/18 via 198.18.0.11"


def test_a_bridge_that_is_there_is_not_made_again() -> None:
    assert not [line for line in network.bridges(SPEC, present={"wan"}) if line.startswith("link add")]


def test_a_line_is_limited_in_both_directions() -> None:
    towards, back, *redirect = network.limit(NIC, "v1.0")
    assert towards == "qdisc replace dev v1.0 root tbf rate 6000kbit burst 10000 latency 50ms"
    assert back == "qdisc replace dev i1.0 root tbf rate 6000kbit burst 10000 latency 50ms"
    assert any("redirect dev i1.0" in line for line in redirect)


def test_a_link_without_capacity_is_not_limited() -> None:
    assert network.limit(replace(NIC, mbps=None), "v1.0") == []


def test_a_port_without_network_is_in_no_bridge() -> None:
    lines = network.plug(GUEST, GUEST.nics[1], "v1.1", {})
    assert lines == ["link set v1.1 alias node-a:lan0"]


def test_only_the_management_interface_is_configured_for_the_first_start() -> None:
    files = bootstrap.files(GUEST, "lab.test", "ops")
    assert [name for name in files if "systemd/network/" in name] == ["etc/systemd/network/05-bootstrap-wan0.network"]
    text = files["etc/systemd/network/05-bootstrap-wan0.network"].content.decode()
    assert "Address=198.18.0.11/24\nAddress=2001:db8::11/64\nGateway=198.18.0.1\n" in text


def test_sudo_accepts_the_file_that_lets_the_operator_in() -> None:
    rule = bootstrap.files(GUEST, "lab.test", "ops")[bootstrap.SUDO]
    assert rule.mode == 0o440
    assert rule.content == b"ops ALL=(ALL:ALL) NOPASSWD: ALL\n"


def test_a_certificate_names_the_host_in_every_way_it_is_called() -> None:
    assert ca.principals(GUEST, "lab.test") == [
        "node-a",
        "node-a.lab.test",
        "198.18.0.11",
        "2001:db8::11",
        "198.18.9.1",
    ]


def test_the_client_knows_each_guest_by_name_and_trusts_certificates_alone() -> None:
    place = Place(Path("/checkout"))
    config = ca.client_config(SPEC, ca.Authority(place.ssh), place.runtime)
    assert "\nHost node-a node-a.lab.test\n    HostName 198.18.0.11\n" in config
    assert "StrictHostKeyChecking yes" in config
    assert "HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com" in config
    control = next(line.split()[1] for line in config.splitlines() if "ControlPath" in line)
    assert len(control.replace("%C", "0" * 40)) + len(".0123456789abcdef") < 108
