"""The power of a real host is cut at every effect of a transaction: all old or all new, and the next run converges."""

from __future__ import annotations

import pytest

from .transaction_host import FOLDER, PACKAGE, UNIT, UNIT_FILE, Victim, part, victim

__all__ = ["victim"]
pytestmark = pytest.mark.lab

STEPS = (
    "generation",
    "journal preparing",
    "ledger",
    "undo",
    "apt-get update",
    f"install {PACKAGE}",
    "daemon-reload",
    "account probe: create",
    "undo (2)",
    "ledger (2)",
    f"stage {FOLDER}/a",
    f"stage {FOLDER}/b",
    f"stage {FOLDER}/new-only",
    f"stage {UNIT_FILE}",
    "arm",
    "journal switching",
    f"switch {FOLDER}/a",
    f"switch {FOLDER}/b",
    f"switch {FOLDER}/new-only",
    f"switch {UNIT_FILE}",
    f"switch {FOLDER}/old-only",
    "daemon-reload (2)",
    f"systemctl restart {UNIT}",
    "journal armed",
    "arm (2)",
    "journal committed",
    "generation is good",
    "applied",
    "ledger (3)",
    "journal removed",
)
"""Every effect of the change from old to new."""
ARMED = STEPS.index("arm (2)")
SAMPLE = ("ledger", f"install {PACKAGE}", "account probe: create", f"switch {FOLDER}/b", "arm (2)", "applied")
"""What `make test` cuts at; `make soak` cuts at all of them."""
POINTS = [pytest.param(step, marks=() if step in SAMPLE else (pytest.mark.soak,)) for step in STEPS]
STOP_IN_DPKG = "/etc/dpkg/dpkg.cfg.d/stop"


def test_the_list_of_effects_is_complete(victim: Victim) -> None:
    """An effect that has no name here would never be cut at."""
    victim.run("userdel probe 2>/dev/null || true")
    victim.apply(part("old"))
    with victim.stopped_at(part("new"), "") as seen:
        assert [step for step in seen if not step.startswith("forget generation")] == list(STEPS)
    assert victim.state() == "new"


@pytest.mark.parametrize("step", POINTS)
def test_after_a_power_cut_everything_is_old_or_new_and_the_next_run_converges(step: str, victim: Victim) -> None:
    victim.apply(part("old"))
    victim.run("userdel probe 2>/dev/null || true")
    with victim.stopped_at(part("new"), step) as seen:
        assert step in seen
        victim.cut_power()
    expected = "new" if STEPS.index(step) >= ARMED else "old"
    assert (victim.state(), victim.running()) == (expected, expected)
    assert victim.run(f"ls -A {FOLDER} | grep province-new || true") == ""
    victim.apply(part("new"))
    assert (victim.state(), victim.running()) == ("new", "new")
    assert PACKAGE in victim.run(f"dpkg-query -W {PACKAGE}")
    assert victim.apply(part("new")) == []


def test_a_power_cut_inside_dpkg_is_repaired_by_the_next_run(victim: Victim) -> None:
    """The package is unpacked and not configured when the power goes."""
    victim.apply(part("old"))
    victim.run(f"echo 'post-invoke=touch /run/in-dpkg; sleep 3600' > {STOP_IN_DPKG}")
    with victim.stopped_at(part("new"), "", until=f"install {PACKAGE}"):
        victim.run("while ! test -e /run/in-dpkg; do sleep 0.1; done")
        victim.cut_power()
    victim.run(f"rm {STOP_IN_DPKG}")
    assert victim.run(f"dpkg-query -W -f='${{db:Status-Abbrev}}' {PACKAGE}").strip() == "iU"
    assert victim.state() == "old"
    changes = victim.apply(part("new"))
    assert changes[0] == "finish an interrupted installation"
    assert victim.state() == "new"
    assert victim.apply(part("new")) == []
