"""Whether a site's storage hosts hold what the sizing says is stored there, with one of them lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from province.fleet.findings import Finding
from province.fleet.site import HostRole
from province.fleet.sizing import size

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet


@dataclass(frozen=True)
class Store:
    """The storage hosts of a site: what they have to hold, and what those that are left can hold; both in TB."""

    site: str
    stored_tb: float
    left_tb: float

    @property
    def fits(self) -> bool:
        """Whether all copies find a place."""
        return self.stored_tb <= self.left_tb


def stores(fleet: Fleet) -> tuple[Store, ...]:
    """Every site at which something is stored, with one storage host lost; a host without a size holds nothing."""
    sized = size(fleet).values()
    found = []
    for site in fleet.data_centres:
        stored = sum(one.quantity.value for one in sized if one.result.stored_at is site.purpose)
        group = site.hosts.get(HostRole.STORAGE)
        disk = group.size.disk_tb if group and group.size and group.size.disk_tb else 0
        if stored:
            found.append(Store(site.id, stored, disk * max(0, (group.count if group else 0) - 1)))
    return tuple(found)


def check_stores(fleet: Fleet) -> Iterator[Finding]:
    """What is stored at a site fits on its storage hosts while one of them is away."""
    for store in stores(fleet):
        if not store.fits:
            problem = f"with one storage host lost, {store.stored_tb:.1f} TB are stored in {store.left_tb:g} TB"
            mend = "declare more storage hosts, or more `size.disk_tb` for each"
            yield Finding(fleet.origins[f"sites/{store.site}"], "hosts.storage", "", problem, mend)
