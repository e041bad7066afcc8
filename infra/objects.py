"""Kubernetes objects as the API server knows them, registered without the large typed SDK (docs/adr/0004)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import pulumi

from infra.marks import Marks

READY_WITHIN = "3m"

CLUSTER_WIDE = "cluster"
"""Stands for the namespace of what belongs to none; no system has this name (province.fleet.rooms)."""

KUBE_SYSTEM = "kube-system"
"""The namespace of what kubeadm brings; ours in it is only what the API server looks for nowhere else."""


class Kind(Enum):
    """The kinds of object that the programs declare, by API version and name."""

    NODE = ("v1", "Node")
    NAMESPACE = ("v1", "Namespace")
    RESOURCE_QUOTA = ("v1", "ResourceQuota")
    LIMIT_RANGE = ("v1", "LimitRange")
    SERVICE_ACCOUNT = ("v1", "ServiceAccount")
    SERVICE = ("v1", "Service")
    CONFIG_MAP = ("v1", "ConfigMap")
    CLAIM = ("v1", "PersistentVolumeClaim")
    DEPLOYMENT = ("apps/v1", "Deployment")
    DAEMON_SET = ("apps/v1", "DaemonSet")
    STATEFUL_SET = ("apps/v1", "StatefulSet")
    CRON_JOB = ("batch/v1", "CronJob")
    AUTOSCALER = ("autoscaling/v2", "HorizontalPodAutoscaler")
    DISRUPTION_BUDGET = ("policy/v1", "PodDisruptionBudget")
    NETWORK_POLICY = ("networking.k8s.io/v1", "NetworkPolicy")
    INGRESS = ("networking.k8s.io/v1", "Ingress")
    INGRESS_CLASS = ("networking.k8s.io/v1", "IngressClass")
    PRIORITY_CLASS = ("scheduling.k8s.io/v1", "PriorityClass")
    RUNTIME_CLASS = ("node.k8s.io/v1", "RuntimeClass")
    STORAGE_CLASS = ("storage.k8s.io/v1", "StorageClass")
    FLOW_SCHEMA = ("flowcontrol.apiserver.k8s.io/v1", "FlowSchema")
    PRIORITY_LEVEL = ("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration")
    CLUSTER_ROLE = ("rbac.authorization.k8s.io/v1", "ClusterRole")
    CLUSTER_ROLE_BINDING = ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding")
    ROLE = ("rbac.authorization.k8s.io/v1", "Role")
    ROLE_BINDING = ("rbac.authorization.k8s.io/v1", "RoleBinding")
    DATABASE = ("postgresql.cnpg.io/v1", "Cluster")
    SCHEDULED_BACKUP = ("postgresql.cnpg.io/v1", "ScheduledBackup")
    API_SERVICE = ("apiregistration.k8s.io/v1", "APIService")
    DEFINITION = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    COMPLETING_HOOKS = ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration")
    JUDGING_HOOKS = ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")
    ADMISSION_POLICY = ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy")
    ADMISSION_BINDING = ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding")

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
        return f"kubernetes:{version}:{self.kind}{'Patch' if self in SHARED else ''}"


IN_NO_NAMESPACE = frozenset(
    {
        Kind.NODE,
        Kind.NAMESPACE,
        Kind.PRIORITY_CLASS,
        Kind.RUNTIME_CLASS,
        Kind.STORAGE_CLASS,
        Kind.INGRESS_CLASS,
        Kind.FLOW_SCHEMA,
        Kind.PRIORITY_LEVEL,
        Kind.CLUSTER_ROLE,
        Kind.CLUSTER_ROLE_BINDING,
        Kind.API_SERVICE,
        Kind.DEFINITION,
        Kind.COMPLETING_HOOKS,
        Kind.JUDGING_HOOKS,
        Kind.ADMISSION_POLICY,
        Kind.ADMISSION_BINDING,
    }
)
"""The kinds whose names are the cluster's own."""

SHARED = frozenset({Kind.NODE})
"""Objects that somebody else makes; of these only our own fields are declared, and only they go with us."""

UNAWAITED = {"pulumi.com/skipAwait": "true"}
"""For objects whose readiness others bring about in their own time: it is looked at by tests, not waited for."""


class Objects:
    """Makes the objects of one namespace, all with the same owner's marks, parent and naming.

    The name in Pulumi is `<namespace>/<kind>/<name>`, so a diff reads like `kubectl`'s output. Objects of the
    cluster as a whole are made with `CLUSTER_WIDE` instead of a namespace.
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
        annotations: Mapping[str, str] | None = None,
        options: pulumi.ResourceOptions | None = None,
    ) -> pulumi.CustomResource:
        """Register one object; `body` is what stands beside `apiVersion`, `kind` and `metadata`.

        `up` waits until it is ready, by the provider's rules: a quota is counted, a deployment rolled out, a
        service has endpoints. `READY_WITHIN` bounds that, else the provider waits for ten minutes.
        """
        in_namespace = {} if kind in IN_NO_NAMESPACE else {"namespace": self._namespace}
        properties = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {
                "name": name,
                **in_namespace,
                "labels": {**self._marks.labels, **(labels or {})},
                "annotations": {**self._marks.annotations, **(annotations or {})},
            },
            **body,
        }
        # Said for each object: what is in a namespace would else be protected and retained as the namespace is.
        own = pulumi.ResourceOptions(
            parent=self._parent,
            protect=False,
            retain_on_delete=False,
            custom_timeouts=pulumi.CustomTimeouts(create=READY_WITHIN, update=READY_WITHIN),
        )
        return pulumi.CustomResource(
            kind.token,
            f"{self._namespace}/{kind.kind}/{name}",
            properties,
            pulumi.ResourceOptions.merge(own, options),
        )
