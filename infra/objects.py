"""Kubernetes objects as the API server knows them, registered without the large typed SDK (docs/adr/0004)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import pulumi

from infra.marks import Marks

READY_WITHIN = "3m"


class Kind(Enum):
    """The kinds of object that the programs declare, by API version and name."""

    NAMESPACE = ("v1", "Namespace")
    RESOURCE_QUOTA = ("v1", "ResourceQuota")
    LIMIT_RANGE = ("v1", "LimitRange")
    SERVICE = ("v1", "Service")
    DEPLOYMENT = ("apps/v1", "Deployment")
    NETWORK_POLICY = ("networking.k8s.io/v1", "NetworkPolicy")

    @property
    def api_version(self) -> str:
        """What stands in the object's `apiVersion`."""
        return self.value[0]

    @property
    def kind(self) -> str:
        """What stands in the object's `kind`."""
        return self.value[1]

    @property
    def token(self) -> str:
        """The name by which the provider knows the type; the core group has one although the API has none."""
        version = self.api_version if "/" in self.api_version else f"core/{self.api_version}"
        return f"kubernetes:{version}:{self.kind}"


class Objects:
    """Makes the objects of one namespace, all with the same owner's marks, parent and naming.

    The name in Pulumi is `<namespace>/<kind>/<name>`, so a diff reads like `kubectl`'s output.
    """

    def __init__(self, namespace: str, marks: Marks, parent: pulumi.Resource) -> None:
        self._namespace = namespace
        self._marks = marks
        self._parent = parent

    def make(
        self,
        kind: Kind,
        name: str,
        body: Mapping[str, Any],
        *,
        labels: Mapping[str, str] | None = None,
        options: pulumi.ResourceOptions | None = None,
    ) -> pulumi.CustomResource:
        """Register one object; `body` is what stands beside `apiVersion`, `kind` and `metadata`.

        `up` waits until it is ready, by the provider's rules: a quota is counted, a deployment rolled out, a
        service has endpoints. `READY_WITHIN` bounds that, else the provider waits for ten minutes.
        """
        in_namespace = {} if kind is Kind.NAMESPACE else {"namespace": self._namespace}
        properties = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {
                "name": name,
                **in_namespace,
                "labels": {**self._marks.labels, **(labels or {})},
                "annotations": dict(self._marks.annotations),
            },
            **body,
        }
        own = pulumi.ResourceOptions(
            parent=self._parent,
            custom_timeouts=pulumi.CustomTimeouts(create=READY_WITHIN, update=READY_WITHIN),
        )
        return pulumi.CustomResource(
            kind.token,
            f"{self._namespace}/{kind.kind}/{name}",
            properties,
            pulumi.ResourceOptions.merge(own, options),
        )
