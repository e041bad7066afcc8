"""What `pulumi preview --policy-pack infra/policy_pack` runs: the very rules that tests and API servers apply."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from pulumi_policy import PolicyPack

from infra.policy.ground import Ground, ground_of
from infra.policy.pack import policies
from province.fleet.load import load_fleet


@cache
def ground_of_stack(name: str) -> Ground:
    """What the environment of a stack says."""
    return ground_of(load_fleet(name.partition(".")[0]))


def main() -> None:
    """Serve the rules."""
    PolicyPack("province", policies(ground_of_stack, datetime.now(UTC).date()))


if __name__ == "__main__":
    main()
