"""Controls of clusters: told by control planes, and by all of them or not at all."""

from __future__ import annotations

from province.fleet.load import load_fleet
from province.verify.pages.by_control import Controls
from province.verify.standing import State

from .test_report_pages import record, report


def test_clusters_are_told_of_by_their_control_planes_and_one_that_was_not_asked_does_not_pass() -> None:
    lab = load_fleet("lab")
    planes = [name for name, host in lab.hosts.items() if host.host_class == "control-plane"]
    assert len(planes) == 2, "one cluster at each site"
    both = Controls(report(lab, *(record(name, control=79) for name in planes)))
    assert both.standings[79].state is State.PASS
    assert both.standings[79].elsewhere == ()
    assert both.standings[77].elsewhere == ("cluster",)
    assert Controls(report(lab, record(planes[0], control=79))).standings[79].state is State.NO_EVIDENCE
