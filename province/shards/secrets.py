"""What the pods of a run hold besides their checkout: who automation is, what a desk knows, the key of the store.

It is made for one run and taken away after it: the private key is new and lives in the cluster alone, its certificate
ends by itself with the Job's own deadline.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.rooms import AUTOMATION, DESK, RUNNER, SHARDS
from province.fleet.site import RunStore, Site
from province.manifest.ssh_client import HOST_CERTIFICATES, authority_line, block
from province.manifest.trust import SERVICE_CA, host_authority, trust_folder
from province.ops.site_cluster import kubectl
from province.ops.workplace import Workplace
from province.pki.authority import authority_folder
from province.pki.ssh_certificate import Said, renewed

FOUND = "/run/province"
"""Where pods have them (`infra/components/fleet_runner.py`)."""
LIFE = timedelta(hours=25)
"""Of the certificate of one run: its Job has a day."""
RUN = "province/run"
"""The label that says for which run a secret was made."""
MANAGER = "province-shards"
STORE_KEYS = {"id": "AWS_ACCESS_KEY_ID", "key": "AWS_SECRET_ACCESS_KEY"}
"""Key in the secret → the variable in which whoever begins a run has it."""

Data = dict[str, bytes]


def lend(
    work: Workplace, fleet: Fleet, site: Site, store: RunStore, run: str, variables: Mapping[str, str]
) -> list[str]:
    """Put the secrets of a run into the runner's room of a site; their names.

    Raises ProvinceError for what this desk does not have, and when the cluster does not answer.
    """
    found = {AUTOMATION: automation(fleet, run), DESK: desk(fleet), store.credentials: store_key(variables)}
    listed = {"apiVersion": "v1", "kind": "List", "items": [_secret(name, run, data) for name, data in found.items()]}
    words = ["apply", "--server-side", "--force-conflicts", f"--field-manager={MANAGER}", "--filename=-"]
    _kubectl(work, site, words, json.dumps(listed))
    return list(found)


def take_back(work: Workplace, site: Site) -> list[str]:
    """Take all secrets of runs away again; their names.

    Raises ProvinceError while a Job of shards is at work: its next pod would not start.
    """
    jobs = json.loads(_kubectl(work, site, ["get", "jobs", "--namespace", RUNNER, "--output=json"]))["items"]
    if busy := [str(one["metadata"]["name"]) for one in jobs if not _over(one)]:
        raise ProvinceError(
            f"{site.id}: {' '.join(busy)} is still at work with these secrets",
            hint=f"wait for its end, or end it: kubectl delete job {busy[0]} --namespace {RUNNER}",
            exit_code=ExitCode.FAILED,
        )
    words = ["delete", "secrets", "--namespace", RUNNER, f"--selector={RUN}", "--output=name"]
    return [line.rpartition("/")[2] for line in _kubectl(work, site, words).splitlines()]


def automation(fleet: Fleet, run: str) -> Data:
    """A new key for one run, and a certificate by which hosts take it for automation.

    Raises ProvinceError where the authority of operators is not at hand.
    """
    authority = authority_folder(fleet) / "ssh-user-ca"
    if not authority.exists():
        raise ProvinceError(
            f"{authority}: is not here, so nobody can say that the pods of run {run} are automation",
            hint="do it where the authority of operators is kept; it needs the cluster, and no host",
            exit_code=ExitCode.MACHINE,
        )
    account = fleet.environment.automation.name
    with TemporaryDirectory() as folder:
        key = Path(folder, "key")
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"shards of run {run}", "-f", str(key)]
        subprocess.run(words, check=True)
        public = key.with_name("key.pub").read_text(encoding="utf-8")
        said = Said(signer="", identity=f"shards of run {run}", names=(account,), life=LIFE)
        return {"key": key.read_bytes(), "key-cert.pub": renewed(authority, public, said).encode()}


def desk(fleet: Fleet) -> Data:
    """What an environment never commits, as pods read it, and by whom they know the store."""
    environment = fleet.environment
    inventory = fleet.root / environment.id
    overlay = {name: (inventory / name).read_bytes() for name in (environment.address_overlay,) if name}
    authority = host_authority(fleet)
    if authority is None:
        raise ProvinceError(
            f"{trust_folder(fleet)}: has no authority of hosts, so pods could trust none",
            hint="put its public key there as ssh-host-ca.pub",
            exit_code=ExitCode.BAD_DATA,
        )
    return {
        "ssh_config": client_config(fleet).encode(),
        "known_hosts": authority_line("*", authority).encode(),
        SERVICE_CA: (trust_folder(fleet) / SERVICE_CA).read_bytes(),
        **overlay,
    }


def client_config(fleet: Fleet) -> str:
    """How a pod reaches every host: at its management address, with the run's key, and no other host than itself."""
    everywhere: dict[str, object] = {
        "User": fleet.environment.automation.name,
        "IdentityFile": f"{FOUND}/{AUTOMATION}/key",
        "CertificateFile": f"{FOUND}/{AUTOMATION}/key-cert.pub",
        "IdentitiesOnly": "yes",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "UserKnownHostsFile": f"{FOUND}/{DESK}/known_hosts",
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "yes",
        "HostKeyAlgorithms": HOST_CERTIFICATES,
        # A connection for many checks; it ends with the pod.
        "ControlMaster": "auto",
        "ControlPath": "/tmp/ssh-%C",  # noqa: S108 - a pod's own folder
        "ControlPersist": 300,
        "ConnectTimeout": 5,
        "ConnectionAttempts": 3,
        "ServerAliveInterval": 5,
        "ServerAliveCountMax": 3,
    }
    # Ansible calls a host by its address.
    reached = ((host, str(host.management.plain[0])) for host in fleet.hosts.values())
    hosts = (
        block((host.name, host.fqdn, address), {"HostName": address, "HostKeyAlias": host.fqdn})
        for host, address in reached
    )
    return "# Made by `province shard lend` for the pods of one run.\n" + "".join(hosts) + block(("*",), everywhere)


def store_key(variables: Mapping[str, str]) -> Data:
    """The key of the store, from where obstore finds it at this desk, too."""
    if missing := [name for name in STORE_KEYS.values() if not variables.get(name)]:
        raise ProvinceError(
            f"{' '.join(missing)}: not set, and pods need the key of the store",
            hint="set the variables with which the run was begun",
            exit_code=ExitCode.USAGE,
        )
    return {key: variables[name].encode() for key, name in STORE_KEYS.items()}


def _secret(name: str, run: str, data: Data) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": name, "namespace": RUNNER, "labels": {RUN: run, "app.kubernetes.io/managed-by": MANAGER}},
        "data": {key: base64.b64encode(content).decode("ascii") for key, content in data.items()},
    }


def _over(job: Mapping[str, Any]) -> bool:
    conditions = job.get("status", {}).get("conditions", ())
    return any(one["type"] in {"Complete", "Failed"} and one["status"] == "True" for one in conditions)


def _kubectl(work: Workplace, site: Site, words: list[str], stdin: str = "") -> str:
    hint = f"when the cluster answers, again; {SHARDS} of {site.id} stand in the room {RUNNER}"
    return kubectl(
        work, site, words, stdin=stdin, lost=f"the secrets of shards at {site.id} stay as they were", hint=hint
    )
