"""Kernel settings as they are in force, on every device that is there now."""

from __future__ import annotations

import pytest

from province.fleet.hosts import Host
from province.verify.expectations import Expected
from province.verify.facts import settings_like
from province.verify.marks import control

Settings = dict[str, str]
WHOLE_KERNEL = ("kernel.", "fs.")


@control(8)
@pytest.mark.parametrize(
    "name",
    [
        "net.ipv4.conf.*.accept_redirects",
        "net.ipv4.conf.*.secure_redirects",
        "net.ipv4.conf.*.send_redirects",
        "net.ipv6.conf.*.accept_redirects",
    ],
)
def test_redirects_are_neither_sent_nor_believed(sysctls: Settings, name: str) -> None:
    """Nobody beside the host may bend its routes (TCVN 14423:2026, 5.5.2.1b)."""
    assert set(settings_like(sysctls, name).values()) == {"0"}


@control(9)
@pytest.mark.parametrize("protocol", ["ipv4", "ipv6"])
def test_source_routes_are_refused(sysctls: Settings, protocol: str) -> None:
    """A sender does not choose the way past a firewall (TCVN 14423:2026, 5.5.2.1b)."""
    assert set(settings_like(sysctls, f"net.{protocol}.conf.*.accept_source_route").values()) == {"0"}


@control(10)
def test_impossible_senders_are_dropped(sysctls: Settings, expected: Expected) -> None:
    """Every device by itself, because the kernel takes the larger of two values (TCVN 14423:2026, 5.5.2.1b)."""
    declared = expected.manifest.sysctls["net.ipv4.conf.*.rp_filter"].value
    assert declared in {"1", "2"}
    assert {sysctls[f"net.ipv4.conf.{device}.rp_filter"] for device in expected.addresses} == {declared}


@control(11)
def test_half_open_connections_do_not_fill_the_queue(sysctls: Settings) -> None:
    """SYN cookies (TCVN 14423:2026, 5.12.2.2a)."""
    assert sysctls["net.ipv4.tcp_syncookies"] == "1"


@control(12)
def test_impossible_addresses_are_logged(sysctls: Settings) -> None:
    """A forged packet leaves a trace (TCVN 14423:2026, 5.8.2.1a)."""
    assert sysctls["net.ipv4.conf.all.log_martians"] == "1"


@control(13)
def test_broadcast_and_bogus_control_messages_are_ignored(sysctls: Settings) -> None:
    """The host amplifies nobody's attack (TCVN 14423:2026, 5.5.2.1b)."""
    names = ("net.ipv4.icmp_echo_ignore_broadcasts", "net.ipv4.icmp_ignore_bogus_error_responses")
    assert [sysctls[name] for name in names] == ["1", "1"]


@control(14)
def test_router_advertisements_are_not_believed(sysctls: Settings) -> None:
    """IPv6 is configured from the model, by nobody on the wire (TCVN 14423:2026, 5.5.2.1b)."""
    assert set(settings_like(sysctls, "net.ipv6.conf.*.accept_ra").values()) == {"0"}


@control(15)
@pytest.mark.parametrize("name", ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"])
def test_only_routers_and_cluster_nodes_forward(sysctls: Settings, node: Host, name: str) -> None:
    """Whether a host forwards is its role's business (TCVN 14423:2026, 5.12.2.1b)."""
    assert sysctls[name] == str(int(node.forwards))


def test_the_host_s_own_settings_are_in_force(sysctls: Settings, expected: Expected) -> None:
    """Every declared setting that the host's kernel decides for itself, on each of its declared devices."""
    declared = expected.settings(live=True)
    assert {name: sysctls.get(name) for name in declared} == declared


@control(56)
def test_settings_of_the_whole_kernel_are_in_force(sysctls: Settings, expected: Expected) -> None:
    """Memory layout, pointers, tracing and core dumps (TCVN 14423:2026, 5.10.2.3)."""
    declared = {name: value for name, value in expected.all_settings.items() if name.startswith(WHOLE_KERNEL)}
    assert declared
    assert {name: sysctls.get(name) for name in declared} == declared
