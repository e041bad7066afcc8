"""What `pulumi up` runs: the stack's name says which layer of which cluster is declared."""

from __future__ import annotations

from collections.abc import Iterator

import pulumi

from infra.cluster_access import open_cluster
from infra.programs import PROGRAMS
from infra.stack import StackName, parse
from province.errors import ProvinceError
from province.fleet.layer import LAYERS
from province.fleet.load import inventories_root, load_fleet


def stacks(environment: str) -> Iterator[StackName]:
    """Every stack there can be, those of one environment first: each data centre with all layers."""
    found = sorted(path.parent.name for path in inventories_root().glob("*/environment.yml"))
    for name in sorted(found, key=lambda other: other != environment):
        for site in load_fleet(name).data_centres:
            yield from (StackName(name, site.id, layer) for layer in LAYERS)


def main() -> None:
    """Declare the stack that is selected; what a person must mend is shown without a traceback."""
    try:
        name = pulumi.get_stack()
        stack = parse(name, stacks(name.partition(".")[0]))
        fleet = load_fleet(stack.environment)
        cluster = open_cluster(
            fleet, fleet.sites[stack.site], dry_run=pulumi.runtime.is_dry_run(), warn=pulumi.log.warn
        )
        PROGRAMS[stack.layer](fleet, cluster)
    except ProvinceError as error:
        raise pulumi.RunError(str(error)) from None


if __name__ == "__main__":
    main()
