"""The whole job, in order: hosts configured, hosts verified, clusters filled, report written.

Each step is the plain command that a person would type; this only calls them and counts. Hosts that fail stop the
job; a cluster that fails does not stop the other site's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from province.fleet.fleet import Fleet
from province.ops import data_centre, hosts
from province.ops.data_centre import centres
from province.ops.step import Step
from province.ops.workplace import Workplace

REASON = "province up"


def write_report(work: Workplace) -> Step:
    """Write the report of the newest evidence."""
    outcome = work.run("report", [sys.executable, "-m", "province", "report", "-e", work.environment])
    hosts.stop_if_failed("province report", outcome, hosts.OUR_CODES)
    return Step("report", outcome.text.strip().splitlines()[-1], changed=False, seconds=outcome.seconds)


def whole_job(work: Workplace, fleet: Fleet) -> Iterator[Step]:
    """Every step, as it is done.

    Raises ProvinceError when hosts could not be configured or verified; a cluster that failed is a failed step.
    """
    yield hosts.configure(work)
    yield hosts.verify(work)
    for centre in centres(work, fleet, with_hosts=False):
        yield from data_centre.up(centre, REASON)
    yield write_report(work)
