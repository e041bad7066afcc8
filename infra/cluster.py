"""The cluster that a program declares objects in."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from province.fleet.site import Provided, Site


@dataclass(frozen=True)
class Cluster:
    """One site's cluster: where it stands, and the provider that reaches it."""

    site: Site
    provider: pulumi.ProviderResource

    def offers(self, what: Provided) -> bool:
        """Whether the cluster offers something beyond Kubernetes itself; what needs it is declared only then."""
        return self.site.cluster is not None and self.site.cluster.offers(what)

    @property
    def options(self) -> pulumi.ResourceOptions:
        """What a component needs to stand in this cluster and in no other."""
        return pulumi.ResourceOptions(providers=[self.provider])
