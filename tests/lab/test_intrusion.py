"""Attacks raise the alarm at a real gateway; rules come from the mirror by themselves, and bad ones are not used."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from ipaddress import ip_address

import pytest
from testinfra.host import Host as Connection

from province.fleet.load import load_fleet
from province.lab.commands import enter, run
from province.lab.probe import computer_in
from province.lab.signatures import ATTACKS
from province.lab.state import Place
from province.verify.transport import connect

from .conftest import CHECKOUT
from .eye import sending
from .people import CONFIG
from .test_identity import ALARMS, ARRIVES, LOG_HOST, next_alarm
from .test_malware import HERE, TOLD
from .test_passages import computer, declared

pytestmark = pytest.mark.lab

FLEET = load_fleet("lab")
PLACE = Place(CHECKOUT)
NODE = FLEET.hosts["vinh-xuong-people"]
GATEWAY = "rach-gia-gateway-1"
ANSWER = "uid=0(root)"
"""What every intrusion detection knows for the trace of a break-in; it does no harm."""
RENEW = "systemctl start intrusion-rules.service"
RAW_IP = 101
"""The kind of link that has no header of its own, in a file of packets (pcap-linktype(7))."""


@pytest.fixture
def gateway() -> Connection:
    return connect(GATEWAY, CONFIG)


def alarm_after(cause: Callable[[], object], words: str) -> None:
    """Wait until a line of a gateway's engine with these words is among the alarms at the log host."""
    line = next_alarm()
    cause()
    pattern = f"gateway-1.intrusion.*{words}".replace(" ", ".")
    connect(LOG_HOST, CONFIG).check_output(ARRIVES % (pattern, line, ALARMS))


def packets(*pairs: tuple[str, str]) -> str:
    """A file of UDP packets from and to IPv4 addresses, in base64 (pcap-savefile(5), RFC 791)."""
    found = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW_IP)
    for second, (source, target) in enumerate(pairs):
        ends = ip_address(source).packed + ip_address(target).packed
        packet = struct.pack("!BBHHHBBH", 0x45, 0, 28, 1, 0, 64, 17, 0) + ends + struct.pack("!HHHH", 4000, 4000, 8, 0)
        found += struct.pack("<IIII", second, 0, len(packet), len(packet)) + packet
    return base64.b64encode(found).decode()


def test_the_trace_of_a_break_in_is_seen_inside_the_tunnel() -> None:
    target = next(one for one in declared("video") if one.protocol == "udp" and ip_address(one.target).version == 4)
    with computer_in(PLACE, NODE, "video") as here:
        knock = f"for _ in 1 2 3 4; do printf '{ANSWER}' > /dev/udp/{target.target}/{target.port}; sleep 0.5; done"
        alarm_after(lambda: run([*enter(here), "bash", "-c", knock]), f"root has run it.*{computer(NODE, 'video')[0]}")


def test_a_computer_that_tries_everything_is_seen() -> None:
    """One way that is open is enough to try: what matters is how often."""
    target = next(one for one in declared("users") if one.protocol == "tcp" and ip_address(one.target).version == 4)
    with computer_in(PLACE, NODE, "users") as here, ExitStack() as until_told:
        alarm_after(
            lambda: until_told.enter_context(sending(here, [target] * 400)),
            f"tries everything.*{computer(NODE, 'users')[0]}",
        )


def test_a_packet_from_one_domain_to_the_other_is_seen(gateway: Connection) -> None:
    """No node lets one out, so the engine is given it in a file."""
    ours, theirs = (str(whole.ipv4[300]) for whole in FLEET.province.addressing.bodies.values())
    alone = "--runmode single --set unix-command.enabled=no"
    read = f"suricata {alone} -c /etc/suricata/suricata.yaml -l $folder -r $folder/packets"
    for source, target in ((ours, theirs), (theirs, ours)):
        command = f"folder=$(mktemp -d); echo {packets((source, target))} | base64 -d > $folder/packets; {read} 2>&1"
        alarm_after(partial(gateway.check_output, command), f"to the domain.*{source}.*{target}")


def test_older_rules_are_renewed_from_the_mirror_and_read(gateway: Connection) -> None:
    version = f"dpkg-query --show --showformat '${{Version}}' {ATTACKS.package}"
    newest = gateway.check_output(version)
    gateway.check_output(
        f"sed -i '/^Package: {ATTACKS.package}$/,/^$/ s/^Version: .*/Version: 20250101/' /var/lib/dpkg/status"
    )
    assert gateway.check_output(version) == "20250101"
    here = gateway.check_output(HERE)
    gateway.check_output(RENEW)
    assert gateway.check_output(version) == newest
    told = gateway.check_output(TOLD.format(tag="intrusion", here=here))
    assert f"attacks are looked for with rules of {newest}" in told
    assert "ALARM" not in told


def test_bad_rules_are_not_put_to_use(gateway: Connection) -> None:
    """Those that the engine has stay in use, and the log host hears of it."""
    bad = f"/{ATTACKS.path.rpartition('/')[0]}/bad.rules"
    before = gateway.check_output("suricatasc -c ruleset-reload-time")
    gateway.check_output(f"echo 'alert nonsense' > {bad}")
    try:
        alarm_after(lambda: gateway.run(RENEW), "are not good and were not put to use")
    finally:
        gateway.check_output(f"rm {bad}")
    assert gateway.check_output("suricatasc -c ruleset-reload-time") == before
