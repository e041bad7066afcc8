"""Updates as hosts see them: which packages they hold, and when a release is an alarm for its age."""

from __future__ import annotations

from province.fleet.fleet import Fleet

Values = dict[str, object]
DAY_S = 86_400


def updates_view(fleet: Fleet) -> Values:
    """The same for all hosts.

    A release is too old when the next one should have come to the last ring: as long after it as an update may wait.
    """
    rules = fleet.province.updates
    return {
        "update_holds": [one.model_dump(mode="json") for one in fleet.registers.update_holds.rows],
        "update_releases": [one.id for one in fleet.registers.update_releases.rows],
        "update_oldest_s": (rules.rings[-1].after_days + rules.most_days) * DAY_S,
        "update_reboot_waits_s": rules.most_days * DAY_S,
    }
