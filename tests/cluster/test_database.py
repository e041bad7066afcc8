"""A declared database becomes PostgreSQL: reached over TLS by whom a flow names, and back after its server dies."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.components.database import OF_DATABASE, databases
from infra.components.workload import selector
from infra.marks import COMPONENT
from province.fleet.layer import LAYERS
from province.fleet.load import load_fleet
from province.fleet.system import System
from province.ops.plan_guard import refusals
from province.toolchain import pins

from .conftest import ENVIRONMENT, Done, LiveStack, copy_of_facts, live_stack, rooms, wait_until
from .sample_pods import OURS, pod

pytestmark = pytest.mark.lab

FLEET = load_fleet(ENVIRONMENT)
POSTGRES = 26
READY_S = 300
"""From the declaration to the first server that answers: images come from the site's registry, initdb runs once."""
BACK_S = 180.0
PRIMARY = "cnpg.io/instanceRole=primary"


@dataclass(frozen=True)
class LiveDatabase:
    """A database of a system, and the stack that declares it."""

    stack: LiveStack
    system: System
    name: str
    client: str

    def run(self, *words: str, stdin: str | None = None) -> Done:
        command = self.stack.kubectl_command("--namespace", self.system.id, *words)
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        return self.stack.kubectl("--namespace", self.system.id, *words, stdin=stdin)

    def object(self, kind: str, name: str) -> dict[str, Any]:
        return dict(json.loads(self.kubectl("get", kind, name, "--output", "json")))

    def ask(self, query: str, *, pod_name: str = "", mode: str = "verify-full") -> Done:
        """Ask the database from a pod; the client checks the certificate and the name of whom it asks."""
        where = f"sslmode={mode}"
        words = ("psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command", query, where)
        return self.run("exec", pod_name or self.client, "--", *words)

    def answer(self, query: str) -> str:
        done = self.ask(query)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def primaries(self) -> list[dict[str, Any]]:
        """The pod that takes writes; none while there is none."""
        selected = f"{OF_DATABASE}={self.name},{PRIMARY}"
        return list(json.loads(self.kubectl("get", "pods", "--selector", selected, "--output", "json"))["items"])

    @property
    def primary(self) -> dict[str, Any]:
        (one,) = self.primaries
        return one

    @property
    def server(self) -> str:
        """The identity of that pod: another one after it was replaced. Empty while there is none."""
        return next((str(one["metadata"]["uid"]) for one in self.primaries), "")


def client(database: str, name: str, labels: dict[str, str]) -> dict[str, Any]:
    """A pod with PostgreSQL's own client that waits to be told what to ask; its rights are those of any pod."""
    body = pod(name, labels)
    password = {"secretKeyRef": {"name": f"{database}-app", "key": "password"}}
    said = {
        "PGHOST": f"{database}-rw",
        "PGUSER": database,
        "PGDATABASE": database,
        "PGSSLROOTCERT": "/authority/ca.crt",
        "PGCONNECT_TIMEOUT": "3",
    }
    (container,) = body["spec"]["containers"]
    for key in ("ports", "readinessProbe"):
        del container[key]
    container |= {
        "image": pins.load().reference("postgresql"),
        "command": ["/usr/bin/cat"],
        "stdin": True,
        "env": [{"name": "PGPASSWORD", "valueFrom": password}, *({"name": k, "value": v} for k, v in said.items())],
        "volumeMounts": [{"name": "authority", "mountPath": "/authority"}],
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}},
    }
    items = [{"key": "ca.crt", "path": "ca.crt"}]
    body["spec"]["volumes"] = [{"name": "authority", "secret": {"secretName": f"{database}-ca", "items": items}}]
    body["spec"]["securityContext"]["runAsUser"] = POSTGRES
    return body


def declared() -> list[tuple[str, str, str, str]]:
    """Every database of every data centre: site, layer, system and component."""
    return [
        (site.id, layer, system.id, name)
        for site in FLEET.data_centres
        for layer in LAYERS
        for system in rooms(site.id, layer)
        for name in databases(system, FLEET.tiers[system.tier], site)
    ]


@pytest.fixture(scope="module", params=declared(), ids=".".join)
def database(request: pytest.FixtureRequest, settings: dict[str, str]) -> Iterator[LiveDatabase]:
    """A database that is ready, with two pods of ours in its room: one that a flow lets in, and one that none does."""
    site, layer, system_id, name = request.param
    system = FLEET.systems[system_id]
    allowed = next(flow.origin for flow in system.flows if flow.to == name)
    found = LiveDatabase(live_stack((site, layer), settings), system, name, "permitted")
    found.kubectl("wait", "--for=condition=Ready", f"cluster.postgresql.cnpg.io/{name}", f"--timeout={READY_S}s")
    pods = [client(name, "permitted", selector(system, allowed)), client(name, "stranger", {})]
    try:
        found.kubectl("apply", "--filename", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
        found.kubectl("wait", "--for=condition=Ready", "pod", "--selector", OURS, "--timeout=120s")
        wait_until(lambda: found.ask("select 1").returncode == 0, "the client reaches the database", 60)
        found.answer("drop table if exists proof_of_write; create table proof_of_write (number int primary key)")
        yield found
    finally:
        found.run("exec", "permitted", "--", "psql", "-c", "drop table if exists proof_of_write", "sslmode=require")
        found.kubectl("delete", "pod", "--selector", OURS, "--ignore-not-found", "--wait")


@pytest.mark.proves("platform/databases")
def test_it_is_ready_in_the_size_that_is_declared_and_runs_our_image(database: LiveDatabase) -> None:
    live = database.object("cluster.postgresql.cnpg.io", database.name)
    size = FLEET.environment.databases
    wanted = database.system.components[database.name].replicas or size.instances
    assert live["status"]["readyInstances"] == wanted
    server = database.primary
    (container,) = server["spec"]["containers"]
    assert container["image"] == pins.load().reference("postgresql")
    assert server["metadata"]["labels"][COMPONENT] == database.name
    claim = database.object("pvc", server["metadata"]["name"])
    assert claim["spec"]["storageClassName"] == live["spec"]["storage"]["storageClass"]


def test_whom_a_flow_names_writes_and_reads_over_tls(database: LiveDatabase) -> None:
    database.answer("insert into proof_of_write values (-1)")
    assert database.answer("select number from proof_of_write where number = -1") == "-1"
    encrypted, version = database.answer("select ssl, version from pg_stat_ssl where pid = pg_backend_pid()").split("|")
    assert (encrypted, version) == ("t", "TLSv1.3")


def test_a_connection_in_the_clear_is_refused(database: LiveDatabase) -> None:
    done = database.ask("select 1", mode="disable")
    assert done.returncode != 0
    assert "no encryption" in done.stderr


def test_whom_no_flow_names_does_not_get_through(database: LiveDatabase) -> None:
    """It has the password and the address; the packets do not arrive."""
    done = database.ask("select 1", pod_name="stranger")
    assert done.returncode != 0
    assert any(words in done.stderr for words in ("timeout expired", "refused", "No route to host")), done.stderr


@dataclass
class Writer:
    """Writes one number after the other from the client's pod, and remembers which writes were acknowledged, and when.

    Each has a connection of its own, as a client has that lost its last one.
    """

    database: LiveDatabase
    acknowledged: dict[int, float] = field(default_factory=dict)

    LOOP = (
        "n=0; while :; do n=$((n+1));"
        ' psql -qAtX -c "insert into proof_of_write values ($n)" sslmode=verify-full 2>/dev/null && echo $n; done'
    )

    def __enter__(self) -> Writer:
        words = ("--namespace", self.database.system.id, "exec", self.database.client, "--", "sh", "-c", self.LOOP)
        self.process = subprocess.Popen(
            self.database.stack.kubectl_command(*words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        self.reader.join()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.acknowledged[int(line)] = time.monotonic()

    @property
    def longest_gap_s(self) -> float:
        times = sorted(self.acknowledged.values())
        return max(b - a for a, b in pairwise(times))


def test_a_killed_server_is_back_and_nothing_is_lost_that_was_acknowledged(database: LiveDatabase) -> None:
    before = database.server
    with Writer(database) as writer:
        wait_until(lambda: len(writer.acknowledged) >= 20, "writes are acknowledged", 60)
        database.kubectl("delete", "pod", database.primary["metadata"]["name"], "--now", "--wait=false")
        wait_until(
            lambda: database.server not in {"", before},
            "another server is the primary",
            BACK_S,
        )
        seen = len(writer.acknowledged)
        wait_until(lambda: len(writer.acknowledged) >= seen + 20, "writes are acknowledged again", BACK_S)
    stored = {int(line) for line in database.answer("select number from proof_of_write where number > 0").splitlines()}
    lost = set(writer.acknowledged) - stored
    print(
        f"{database.stack.site.id}: no write for {writer.longest_gap_s:.1f} s; "
        f"{len(writer.acknowledged)} acknowledged, {len(lost)} of them lost"
    )
    assert lost == set()


def test_a_plan_that_takes_the_database_away_is_refused(database: LiveDatabase, tmp_path: Path) -> None:
    """Somebody takes it out of the model; the object is also protected, so Pulumi itself would not carry that out."""
    facts = copy_of_facts(database.stack, tmp_path)
    file = facts / "fleet" / "systems" / f"{database.system.id}.yml"
    system = yaml.safe_load(file.read_text(encoding="utf-8"))
    del system["components"][database.name]
    system["flows"] = [flow for flow in system["flows"] if database.name not in {flow["from"], flow["to"]}]
    file.write_text(yaml.safe_dump(system, allow_unicode=True), encoding="utf-8")
    done = database.stack.pulumi("preview", "--json", PROVINCE_INVENTORIES=str(facts))
    found = {one.resource: one for one in refusals(json.loads(done.stdout))}
    assert found[f"database {database.system.id}/Cluster/{database.name}"].operation == "delete"
