"""Roll-outs in shards: the template of an Indexed Job whose index is a shard, and the ways that its pods have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.cluster import Cluster
from infra.components import platform_pods as pods
from infra.components.node_marks import HOST, ROLE, ZONE
from infra.components.priority_classes import priority_class
from infra.components.runtime_class import RUNTIME
from infra.components.system_namespace import SCRATCH, SystemNamespace
from infra.marks import COMPONENT, marks_of
from infra.objects import Kind, Objects
from infra.quantity import cpu, memory
from province.errors import HOPELESS
from province.fleet.environment import CLUSTER, ShardSize
from province.fleet.fleet import Fleet
from province.fleet.requests import runner_nodes
from province.fleet.rooms import AUTOMATION, DESK, SHARD, SHARDS
from province.fleet.site import RunStore
from province.fleet.system import System
from province.toolchain import pins

CHECKOUT = "/srv/province"
"""Where a pod unpacks the checkout that its Job names; it runs `python3 -m province` there, as nobody."""
HOME, TEMPORARY = "/home/shard", "/tmp"  # noqa: S108 - a pod's own folder, for it alone
FOUND = "/run/province"
"""Where a pod finds what stands in no checkout: who automation is, and what its desk knows."""
SERVICE_CA = "service-ca.pem"
"""The file of the desk that has the province's authority for services (`province.manifest.trust`)."""
PLACE, OF_DESK, HERE = "PROVINCE_CHECKOUT_PLACE", "PROVINCE_OF_DESK", "PROVINCE_WORKPLACE_HERE"
"""Variables that `province.shards.start` and `province.ops.workplace` read."""
SSH_PORT = 22
SCRATCH_MIB = 1024
"""What a shard writes: its checkout, its evidence before it is stored; what it prints may be as much again."""
NEVER = "0 0 1 1 *"
"""A template has to have times; it is suspended, so this one is never looked at."""
AGAIN = 4
"""So often a shard is started again that ended badly: as `province shard local` does, five tries in all."""


@dataclass(frozen=True)
class Secrets:
    """The secrets of the runner's room, by name: a keeper brings them, nobody declares what is in them.

    `automation` has `key` and `key-cert.pub` (docs/adr/0010). `desk` has what an environment never commits:
    `ssh_config`, which names that key and `known_hosts` by their paths below `FOUND`, and, if the environment has one,
    its overlay of addresses; and the authority of services, by which the store is known before anything else is.
    """

    automation: str = AUTOMATION
    desk: str = DESK


@dataclass(frozen=True)
class RunnerArgs:
    """What the template is made from.

    `image` is a reference by digest in the province's registry. `hosts` are the networks that pods may open SSH to,
    `node_class` that of the nodes from which hosts let them in, `keeps` what a pod keeps free of its node. `deadline_s`
    is how long a Job may take, `kept_s` how long it is kept after its end, in seconds. Which checkout a run has, and
    into how many shards it was dealt, the run itself says (`province.shards.kubernetes.Order`); so many run at the same
    time.
    """

    environment: str
    overlay: str | None
    image: str
    store: RunStore
    hosts: tuple[str, ...]
    node_class: str
    keeps: ShardSize | None = None
    secrets: Secrets = Secrets()
    deadline_s: int = 24 * 3600
    kept_s: int = 7 * 24 * 3600

    @classmethod
    def of(cls, part: System, *, fleet: Fleet, cluster: Cluster) -> RunnerArgs | None:
        """The facts of a site; None as long as the image, a store for runs, or the hosts' consent is missing."""
        image, environment = part.components[SHARD].image, fleet.environment
        store = cluster.site.cluster.run_store if cluster.site.cluster else None
        nodes = runner_nodes(fleet, cluster.site)
        if image is None or store is None or CLUSTER not in environment.automation_from or not nodes:
            return None
        return cls(
            environment.id,
            environment.address_overlay,
            pins.load().reference(image),
            store,
            managed(fleet),
            nodes[0].host_class,
            environment.shard_keeps,
        )


class FleetRunner(pulumi.ComponentResource):
    """The ways to every host and to the store of runs, and the template from which an operator makes the Job of a run.

    `up` makes no Job and waits for none: a roll-out takes hours, and people begin it (`province shard kubernetes`). The
    template is suspended; even woken up its Job would end at once, because it names no run.
    """

    def __init__(self, args: RunnerArgs, *, room: SystemNamespace, fleet: Fleet) -> None:
        part = room.system
        parent = pulumi.ResourceOptions(parent=room.namespace)
        super().__init__("province:platform:FleetRunner", part.id, None, parent)
        mark = {COMPONENT: SHARD}
        objects = Objects(part.id, marks_of(part, fleet), self)
        store = [f"{one}/{one.max_prefixlen}" for one in args.store.addresses]
        ways: Sequence[tuple[Sequence[str], int]] = ((args.hosts, SSH_PORT), (store, args.store.port))
        first = [
            objects.make(Kind.NETWORK_POLICY, SHARD, pods.door(pods.selector(part, SHARD), called=ways), labels=mark),
            objects.make(Kind.SERVICE_ACCOUNT, SHARD, {"automountServiceAccountToken": False}, labels=mark),
        ]
        objects.make(
            Kind.CRON_JOB,
            SHARDS,
            {"spec": _template(part, args)},
            labels=mark,
            options=pulumi.ResourceOptions(depends_on=first),
        )
        self.register_outputs({})


def fleet_runner(room: SystemNamespace, *, fleet: Fleet, cluster: Cluster) -> FleetRunner | None:
    """The runner of a site; None as long as a fact that it needs is not there, and then no way is open either."""
    args = RunnerArgs.of(room.system, fleet=fleet, cluster=cluster)
    return FleetRunner(args, room=room, fleet=fleet) if args else None


def managed(fleet: Fleet) -> tuple[str, ...]:
    """The addresses at which the hosts of an environment are managed, each as a network of one."""
    found = (address for host in fleet.hosts.values() for address in host.management.plain)
    return tuple(sorted(f"{address}/{address.max_prefixlen}" for address in found))


def _template(part: System, args: RunnerArgs) -> dict[str, Any]:
    return {
        "schedule": NEVER,
        "suspend": True,
        "concurrencyPolicy": "Forbid",
        "jobTemplate": {"metadata": {"labels": pods.selector(part, SHARD)}, "spec": _job(part, args)},
    }


def _job(part: System, args: RunnerArgs) -> dict[str, Any]:
    return {
        "completionMode": "Indexed",
        "completions": 1,
        "parallelism": 1,
        "backoffLimitPerIndex": AGAIN,
        # The others would wait for a shard that is lost, and go on from the store as well later.
        "maxFailedIndexes": 0,
        # Never two of one shard: a pod on a node that does not answer may be at work.
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                {
                    "action": "FailIndex",
                    "onExitCodes": {"containerName": SHARD, "operator": "In", "values": sorted(map(int, HOPELESS))},
                },
            ]
        },
        "activeDeadlineSeconds": args.deadline_s,
        "ttlSecondsAfterFinished": args.kept_s,
        "template": {"metadata": {"labels": pods.selector(part, SHARD)}, "spec": _pod(part, args)},
    }


def _pod(part: System, args: RunnerArgs) -> dict[str, Any]:
    labels = pods.selector(part, SHARD)
    return {
        "restartPolicy": "Never",
        "nodeSelector": {f"{ROLE}{args.node_class}": ""},
        "serviceAccountName": SHARD,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": priority_class(part.tier),
        "runtimeClassName": RUNTIME,
        # As the first process of its pod it is not ended by SIGTERM; it may be killed at any time.
        "terminationGracePeriodSeconds": 5,
        "securityContext": {**pods.AS_NOBODY, "fsGroup": pods.NOBODY},
        "topologySpreadConstraints": [_spread(place, labels) for place in (ZONE, HOST)],
        "volumes": [
            {"name": "scratch", "emptyDir": {"sizeLimit": memory(SCRATCH_MIB)}},
            *(
                {"name": name, "secret": {"secretName": secret, "defaultMode": 0o440}}
                for name, secret in vars(args.secrets).items()
            ),
        ],
        "containers": [_container(part, args)],
    }


def _container(part: System, args: RunnerArgs) -> dict[str, Any]:
    inventory = f"inventories/{args.environment}"
    of_desk = ("ssh_config", *([args.overlay] if args.overlay else []))
    return {
        "name": SHARD,
        "image": args.image,
        "imagePullPolicy": "IfNotPresent",
        "workingDir": TEMPORARY,
        "args": ["shard", "run"],
        "env": [
            {"name": "HOME", "value": HOME},
            {"name": "LANG", "value": "C.UTF-8"},
            # Ansible's plugins of ours are modules of the checkout, whatever program starts them.
            {"name": "PYTHONPATH", "value": CHECKOUT},
            # The image is only read: what Python compiles it keeps for the pod's next process.
            {"name": "PYTHONPYCACHEPREFIX", "value": f"{TEMPORARY}/compiled"},
            # Ansible passes over a configuration in a folder that its group may write to.
            {"name": "ANSIBLE_CONFIG", "value": f"{CHECKOUT}/ansible.cfg"},
            {"name": HERE, "value": "pod"},
            {"name": PLACE, "value": CHECKOUT},
            {"name": OF_DESK, "value": " ".join(f"{inventory}/{name}={FOUND}/desk/{name}" for name in of_desk)},
            # The store shows a certificate of the province's own authority; nobody else's is accepted.
            {"name": "SSL_CERT_FILE", "value": f"{FOUND}/desk/{SERVICE_CA}"},
            {"name": "AWS_ENDPOINT_URL", "value": args.store.url},
            _from_secret("AWS_ACCESS_KEY_ID", args.store, "id"),
            _from_secret("AWS_SECRET_ACCESS_KEY", args.store, "key"),
        ],
        "resources": _resources(part, args.keeps),
        "securityContext": pods.NO_RIGHTS,
        "volumeMounts": [
            *(
                {"name": "scratch", "mountPath": place, "subPath": place.strip("/")}
                for place in (HOME, TEMPORARY, CHECKOUT)
            ),
            {"name": "automation", "mountPath": f"{FOUND}/automation", "readOnly": True},
            {"name": "desk", "mountPath": f"{FOUND}/desk", "readOnly": True},
        ],
    }


def _resources(part: System, keeps: ShardSize | None) -> dict[str, Any]:
    """What the model says that a shard may use, and what its node keeps free for it: as much, or what is named."""
    found: dict[str, Any] = pods.resources(part.components[SHARD])["resources"]
    disk = {SCRATCH: memory(2 * SCRATCH_MIB)}
    kept = (
        found["requests"] if keeps is None else {"cpu": cpu(keeps.cpu_millicores), "memory": memory(keeps.memory_mib)}
    )
    return {"requests": {**kept, **disk}, "limits": {**found["limits"], **disk}}


def _from_secret(variable: str, store: RunStore, key: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": store.credentials, "key": key}}}


def _spread(place: str, labels: dict[str, str]) -> dict[str, Any]:
    """Evenly over racks and hosts, so that one that fails takes few shards along."""
    return {
        "maxSkew": 1,
        "topologyKey": place,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }
