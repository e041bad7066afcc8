"""Updates: what keeps newer versions away from a host, and which release it has."""

from __future__ import annotations

import json

from testinfra.host import Host as Connection

from province.verify.expectations import Expected
from province.verify.marks import control

PINNED = "cat /etc/apt/preferences /etc/apt/preferences.d/* 2> /dev/null | sed -n 's/^Package: *//p'"
"""Every package whose versions are not taken as they come, whichever file says so (apt_preferences(5))."""
MARKED = "apt-mark showhold"
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
