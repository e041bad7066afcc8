"""Updates: what keeps newer versions away from a host, and which release it has."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host as Connection

from province.verify.expectations import Expected
from province.verify.marks import control

PINNED = "cat /etc/apt/preferences /etc/apt/preferences.d/* 2> /dev/null | sed -n 's/^Package: *//p'"
"""Every package whose versions are not taken as they come, whichever file says so (apt_preferences(5))."""
MARKED = "apt-mark showhold"
THROUGH = """python3 -c '
import http.client, json
mirror, port, seen = "{mirror}", {package_cache_port}, {{}}
for asked in ("/debian/dists/trixie/InRelease", "/etc/passwd", "http://192.0.2.1/"):
    way = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    way.request("HEAD", asked if asked.startswith("http") else mirror + asked)
    seen[asked] = way.getresponse().status
print(json.dumps(seen))
'"""
"""How the cache answers to a proxy's form of request, by what was asked."""
RELEASE = "cat /var/lib/province/release.json 2> /dev/null || echo {}"


@control(58)
def test_nothing_is_held_that_the_model_does_not_hold(host: Connection, expected: Expected) -> None:
    """A version that somebody keeps away in secret is a hole that nobody mends (TCVN 14423:2026, 5.7.2.2)."""
    held = [*host.check_output(PINNED).split(), *host.check_output(MARKED).split()]
    assert sorted(held) == sorted(one["package"] for one in expected.facts["update_holds"])


@control(58)
def test_the_release_is_one_that_the_model_knows(host: Connection, expected: Expected) -> None:
    """None yet, or one of the register (TCVN 14423:2026, 5.7.2.2)."""
    has = json.loads(host.check_output(RELEASE))
    assert has.get("suite") in {None, *expected.facts["update_releases"]}


@pytest.mark.proves(78)
def test_packages_come_through_a_cache(host: Connection, expected: Expected) -> None:
    """By the program that apt asks; `DIRECT` would be a way to outside for each host."""
    port = expected.facts["package_cache_port"]
    known = {f"http://{one['ipv4']}:{port}" for one in expected.facts["package_caches"]}
    assert host.check_output("/etc/apt/near-packages") in known


@pytest.mark.hosts("mirror")
@pytest.mark.proves(78)
def test_the_cache_hands_out_packages_and_nothing_else(host: Connection, expected: Expected) -> None:
    """Asked as apt asks it, for the index of all packages, and for what is none of its business."""
    told = host.check_output(THROUGH.format(mirror=expected.facts["mirror_base"], **expected.facts))
    assert json.loads(told) == {"/debian/dists/trixie/InRelease": 200, "/etc/passwd": 403, "http://192.0.2.1/": 403}
