"""The manifests of hosts, rendered when somebody needs them, and known without that where nothing has changed."""

from __future__ import annotations

from province.fleet.fleet import Fleet
from province.manifest.build import Builder
from province.manifest.manifest import Manifest
from province.manifest.remembered import Known, Memory
from province.manifest.trust import load_trust


class Rendering:
    """The hosts of one environment, each whole and as the part that a run is about.

    `only`: the capabilities that it is about; none is all of them.
    """

    def __init__(self, builder: Builder, memory: Memory, only: tuple[str, ...] = ()) -> None:
        self.builder = builder
        self.only = only
        self._memory = memory
        self._whole: dict[str, Manifest] = {}

    @classmethod
    def of(cls, fleet: Fleet, only: tuple[str, ...] = ()) -> Rendering:
        """What there is to know of an environment. Memory comes before the anchors: see `Memory.of`."""
        memory = Memory.of(fleet)
        return cls(Builder(fleet, load_trust(fleet)), memory, only)

    @property
    def fleet(self) -> Fleet:
        """Whose hosts they are."""
        return self.builder.fleet

    def known(self, name: str) -> Known:
        """As much of the part that the run is about as asking the host needs.

        Raises BadData as `Builder.build` does. The whole is rendered even for a part, because parts have to fit.
        """
        if found := self._memory.find(name, self.only):
            return found
        self.whole(name)
        known = Known.of(self._part(name))
        self._memory.add(name, self.only, known)
        return known

    def whole(self, name: str) -> Manifest:
        """All that a host has to be."""
        if name not in self._whole:
            self._whole[name] = self.builder.build(self.fleet.hosts[name])
        return self._whole[name]

    def desired(self, name: str) -> dict[str, object]:
        """The part that the run is about, as a host reads it."""
        return self._part(name).desired()

    def save(self) -> None:
        """Keep what was rendered for the next run."""
        self._memory.save()

    def _part(self, name: str) -> Manifest:
        return self.builder.build(self.fleet.hosts[name], only=self.only) if self.only else self.whole(name)
