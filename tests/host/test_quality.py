"""The queues of every line, as the kernel has them, compared with the model."""

from __future__ import annotations

import pytest
from testinfra.host import Host as Connection

from province.verify import queues
from province.verify.expectations import Expected

pytestmark = [pytest.mark.hosts("edge", "gateway"), pytest.mark.proves(21, 23)]


def test_shaping_is_set_up_after_every_start(units: dict[str, dict[str, str]]) -> None:
    """Queues live in the kernel only."""
    assert units["province-quality.service"]["UnitFileState"] == "enabled"
    assert units["province-quality.service"]["ActiveState"] == "active"


def test_every_line_is_held_to_its_capacity_and_shared_by_its_classes(host: Connection, expected: Expected) -> None:
    """No more than the operator's 90 %, and for each class what the model gives it; kilobit per second."""
    wanted = queues.expected_rates(expected.facts["queues"])
    seen = {device: queues.parse_rates(host.check_output(queues.RATES, device)) for device in wanted}
    assert seen == wanted


@pytest.mark.hosts("edge")
def test_all_tunnels_of_a_line_go_through_its_queues(host: Connection, expected: Expected) -> None:
    """A tunnel beside the queue would take the line from the others."""
    for queue in expected.facts["queues"]:
        for tunnel in queue["feeders"]:
            seen = host.check_output("tc filter show dev %s " + queue["direction"], tunnel)
            assert f"Redirect to device {queue['device']})" in seen, tunnel
