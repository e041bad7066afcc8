"""What makes volumes on the disks of the nodes, where a cluster has no other storage."""

from __future__ import annotations

import json
from typing import Any

import pulumi

from infra.cluster import Cluster
from infra.components import platform_pods as pods
from infra.components.proof_of_life import control_planes
from infra.components.storage_classes import PROVISIONERS
from infra.components.system_namespace import SystemNamespace
from infra.marks import COMPONENT, marks_of
from infra.objects import CLUSTER_WIDE, Kind, Objects
from province.fleet.fleet import Fleet
from province.fleet.site import Provided
from province.fleet.system import System

NAME = "provisioner"
FOLDERS = "/var/lib/province/volumes"
"""Where the folders of volumes lie on every node."""

OF_ALL_OTHERS = "DEFAULT_PATH_FOR_NON_LISTED_NODES"
SETTINGS = "settings"
WORK = "/volume-folder"
TIMEOUT_S = 120


class VolumeProvisioner(pulumi.ComponentResource):
    """Makes a folder on the disk of the node where the first pod of a volume is to run.

    The provisioner itself is nobody; for each folder that comes or goes it starts one pod on that node, which is root
    there with the one folder of all volumes before it, for the time of one system call.
    """

    def __init__(self, room: SystemNamespace, *, fleet: Fleet, cluster: Cluster) -> None:
        part = room.system
        parent = pulumi.ResourceOptions(parent=room.namespace)
        super().__init__("province:platform:VolumeProvisioner", part.id, None, parent)
        labels = pods.selector(part, NAME)
        mark = {COMPONENT: NAME}
        inside = Objects(part.id, marks_of(part, fleet), self)
        wide = Objects(CLUSTER_WIDE, marks_of(part, fleet), self)
        called = ((control_planes(fleet, cluster), pods.API_SERVER_PORT),)
        first = [
            inside.make(Kind.NETWORK_POLICY, NAME, pods.door(labels, called=called)),
            inside.make(Kind.SERVICE_ACCOUNT, NAME, {"automountServiceAccountToken": False}),
            inside.make(Kind.ROLE, NAME, {"rules": INSIDE}),
            inside.make(Kind.ROLE_BINDING, NAME, pods.bound(part, NAME, NAME, "Role")),
            wide.make(Kind.CLUSTER_ROLE, part.id, {"rules": EVERYWHERE}),
            wide.make(Kind.CLUSTER_ROLE_BINDING, part.id, pods.bound(part, NAME, part.id)),
            inside.make(Kind.CONFIG_MAP, SETTINGS, {"data": _settings(part)}),
        ]
        inside.make(
            Kind.DEPLOYMENT,
            NAME,
            # One, because two would each make the folder; while it is away, volumes wait and those in use go on.
            pods.deployment(labels, 1, _pod(part)),
            labels=mark,
            options=pulumi.ResourceOptions(depends_on=first),
        )
        self.register_outputs({})


INSIDE = [pods.allow("", ["pods"], "get", "list", "watch", "create", "delete"), pods.allow("", ["pods/log"], "get")]
EVERYWHERE = [
    pods.allow("", ["nodes", "persistentvolumeclaims", "configmaps", "pods"], "get", "list", "watch"),
    pods.allow("", ["persistentvolumes"], "get", "list", "watch", "create", "patch", "update", "delete"),
    pods.allow("", ["events"], "create", "patch"),
    pods.allow("storage.k8s.io", ["storageclasses"], "get", "list", "watch"),
]


def _settings(part: System) -> dict[str, str]:
    paths = [{"node": OF_ALL_OTHERS, "paths": [FOLDERS]}]
    settings = {
        "nodePathMap": paths,
        "setupCommand": WORK,
        "teardownCommand": WORK,
        "cmdTimeoutSeconds": TIMEOUT_S,
    }
    container = {
        "name": "volume-folder",
        **pods.image(part.components[NAME]),
        **pods.resources(part.components[NAME]),
        # Root's right to remove what pods made for themselves alone.
        "securityContext": {
            **pods.NO_RIGHTS,
            "runAsUser": 0,
            "capabilities": {"drop": ["ALL"], "add": ["DAC_OVERRIDE"]},
        },
    }
    helper = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "volume-folder"},
        "spec": {
            "automountServiceAccountToken": False,
            "priorityClassName": pods.CRITICAL,
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
        },
    }
    return {"config.json": json.dumps(settings, indent=1), "helperPod.yaml": json.dumps(helper, indent=1)}


def _pod(part: System) -> dict[str, Any]:
    component = part.components[NAME]
    arguments = {
        "config": "/settings/config.json",
        "helper-pod-file": "/settings/helperPod.yaml",
        "configmap-name": SETTINGS,
        "namespace": part.id,
        "service-account-name": NAME,
        "provisioner-name": PROVISIONERS[Provided.LOCAL_PATH],
        "helper-image": pods.image(component)["image"],
    }
    return {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": True,
        "volumes": [{"name": "settings", "configMap": {"name": SETTINGS}}],
        "containers": [
            {
                "name": NAME,
                **pods.image(component),
                "args": ["start", *(f"--{key}={value}" for key, value in arguments.items())],
                "env": [{"name": "CONFIG_MOUNT_PATH", "value": "/settings/"}],
                **pods.resources(component),
                "securityContext": pods.NO_RIGHTS,
                "volumeMounts": [{"name": "settings", "mountPath": "/settings", "readOnly": True}],
            }
        ],
    }
