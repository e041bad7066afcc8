"""The rules that the API server enforces itself, whoever asks it."""

from __future__ import annotations

import pulumi

from infra.cluster import Cluster
from infra.marks import marks_of_cluster
from infra.objects import CLUSTER_WIDE, Kind, Objects
from infra.policy.admission import binding_body, policy_body, policy_name
from infra.policy.ground import ground_of
from infra.policy.rules import RULES
from province.fleet.fleet import Fleet


class AdmissionPolicies(pulumi.ComponentResource):
    """Each rule that CEL can say as a policy with its binding; a policy is complete before its binding is in force."""

    def __init__(self, *, fleet: Fleet, cluster: Cluster) -> None:
        super().__init__("province:cluster:AdmissionPolicies", "admission-policies", None, cluster.options)
        objects = Objects(CLUSTER_WIDE, marks_of_cluster(fleet, "registers/policy-exceptions"), self)
        ground = ground_of(fleet)
        for rule in RULES:
            if rule.admission is None:
                continue
            name = policy_name(rule, ground)
            policy = objects.make(Kind.ADMISSION_POLICY, name, policy_body(rule, rule.admission, ground))
            in_order = pulumi.ResourceOptions(depends_on=[policy])
            objects.make(Kind.ADMISSION_BINDING, name, binding_body(rule, ground), options=in_order)
        self.register_outputs({})
