"""One clock for the province."""

from __future__ import annotations

import pytest
from testinfra.host import Host as Connection

from province.verify import facts
from province.verify.expectations import Expected
from province.verify.marks import control

OTHER_DAEMONS = {"ntp", "ntpsec", "openntpd", "systemd-timesyncd"}
UNSYNCHRONISED = 16
"""Stratum of a clock that follows nobody (RFC 5905)."""


SETTLES = "chronyc waitsync 10 0 0 5"
"""Nearly a minute, as long as a single probe may last; ends at once when the clock follows somebody."""


def settled(host: Connection, acting_host: Connection) -> Connection:
    """Where to ask about a host's clock.

    A daemon that has just started follows nobody for some minutes, the longer if its servers start with it. What was
    gathered then is asked anew, after a wait; whether the clock is right is for the tests to say.
    """
    followed = [one for one in facts.parse_time_sources(host.check_output(facts.TIME_SOURCES)) if one.selected]
    tracking = host.check_output(facts.TIME_TRACKING).split(",")
    if (followed or tracking[0] == facts.OWN_CLOCK) and 0 < int(tracking[2]) < UNSYNCHRONISED:
        return host
    for _ in range(2):
        acting_host.run(SETTLES)
    return acting_host


@control(61)
def test_one_clock_daemon(packages: frozenset[str], units: dict[str, dict[str, str]]) -> None:
    """Two daemons pull the clock in two directions (TCVN 14423:2026, 5.8.2.1a)."""
    assert packages & OTHER_DAEMONS == set()
    assert units["chrony.service"]["ActiveState"] == "active"


@control(61)
def test_the_clock_follows_the_declared_servers_only(host: Connection, expected: Expected) -> None:
    """Time from an unknown server makes every log worthless as evidence."""
    sources = facts.parse_time_sources(host.check_output(facts.TIME_SOURCES))
    assert {one.address for one in sources} == expected.time_servers | expected.time_references


@control(61)
@pytest.mark.proves(96)
@pytest.mark.hosts("edge", "gateway", "bastion", "control-plane", "worker", "storage", "ingress")
def test_a_server_of_the_province_answers(host: Connection, acting_host: Connection, expected: Expected) -> None:
    """Over the lines to the communes as well as inside a site; who hands on the machine's clock follows nobody."""
    sources = facts.parse_time_sources(settled(host, acting_host).check_output(facts.TIME_SOURCES))
    followed = [one.address for one in sources if one.selected and one.reachable]
    assert (followed != []) == (expected.time_servers != set())


@control(61)
def test_enough_servers_answer_to_outvote_one(host: Connection, acting_host: Connection, expected: Expected) -> None:
    """Of two servers that differ nobody knows which one lies (RFC 5905, section 11.2.1)."""
    sources = facts.parse_time_sources(settled(host, acting_host).check_output(facts.TIME_SOURCES))
    answering = [one.address for one in sources if one.reachable]
    assert len(answering) >= expected.facts["clock_least_sources"], f"{answering} of {sorted(expected.time_servers)}"


@control(61)
def test_the_clock_is_in_step(host: Connection, acting_host: Connection, expected: Expected) -> None:
    """Off by less than the model allows; field order of chronyc(1), `tracking`."""
    fields = settled(host, acting_host).check_output(facts.TIME_TRACKING).split(",")
    stratum, offset, leap = int(fields[2]), float(fields[4]), fields[13]
    assert 0 < stratum < UNSYNCHRONISED
    assert abs(offset) < expected.facts["clock_maximum_offset_s"]
    assert leap == "Normal"


@control(61)
def test_an_alarm_watches_the_clock(host: Connection, units: dict[str, dict[str, str]]) -> None:
    """A clock that runs away is in the log before somebody needs the log as evidence."""
    assert units["clock-alarm.timer"]["ActiveState"] == "active"
    assert host.check_output("systemctl show clock-alarm.service --property Result --value") == "success"
