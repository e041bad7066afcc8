"""A sensor of a commune, by its certificate, over real lines: what it measures is heard at both sites."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.fleet.site import Duty
from province.lab.probe import computer_in
from province.lab.state import Place
from province.manifest.view import host_facts
from tests.hearing import hearing

from .conftest import CHECKOUT, Command, wait_until

pytestmark = [pytest.mark.lab, pytest.mark.proves(67, 71, 81)]

FLEET = load_fleet("lab")
RULES = FLEET.province.sensors
DEVICE = "phu-quoc-water-1"
NODE = FLEET.hosts["phu-quoc-people"]
HUBS = [host for host in FLEET.hosts.values() if Duty.SENSORS in host.duties]
TRUST = CHECKOUT / "inventories" / "lab" / "trust" / "service-ca.pem"
PATIENCE_S = 60
PUBLISH = """
import sys
from paho.mqtt.publish import single
address, port, topic, ca, certificate, key = sys.argv[1:]
tls = {"ca_certs": ca, "certfile": certificate, "keyfile": key}
single(topic, "17", qos=1, hostname=address, port=int(port), tls=tls)
"""


@pytest.fixture
def shown(province: Command, tmp_path: Path) -> tuple[Path, Path]:
    """The certificate that the province gives the device, and the key that it made itself."""
    key, request = tmp_path / "device.key", tmp_path / "device.csr"
    make = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run([*make, "-subj", "/CN=x", "-keyout", key, "-out", request], check=True, capture_output=True)
    done = province("devices", "issue", DEVICE, "--request", str(request))
    assert done.returncode == 0, done.stderr
    certificate = tmp_path / "device.pem"
    certificate.write_text(done.stdout, encoding="utf-8")
    return certificate, key


def publish(computer: str, topic: str, certificate: Path, key: Path) -> None:
    """One measurement from a computer in the zone of sensors to the node's broker there."""
    address = str(NODE.interface(RULES.zone).address.plain[0])
    words = [sys.executable, "-c", PUBLISH, address, str(RULES.port), topic, str(TRUST), str(certificate), str(key)]
    enter = ["ip", "netns", "exec", computer]
    done = subprocess.run([*enter, *words], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def reader(hub: Host, topic: str) -> subprocess.Popen[str]:
    """A program of a hub that waits for a measurement."""
    command = hearing(host_facts(FLEET, hub), PATIENCE_S, [topic])
    return subprocess.Popen(["ssh", hub.name, f"sudo {command}"], stdout=subprocess.PIPE, text=True)


def test_a_measurement_is_heard_at_both_sites(shown: tuple[Path, Path]) -> None:
    topic = f"{RULES.topic}/{NODE.commune}/{DEVICE}/level"
    readers = [reader(hub, topic) for hub in HUBS]
    with computer_in(Place(CHECKOUT), NODE, RULES.zone) as computer:

        def heard() -> bool:
            publish(computer, topic, *shown)
            return all(one.poll() is not None for one in readers)

        wait_until(heard, "the measurement at every hub", within_s=PATIENCE_S)
    assert [json.loads(one.communicate()[0]) for one in readers] == [{topic: "17"}] * len(HUBS)
