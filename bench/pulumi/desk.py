"""Where the benchmark's commands run: the real programs and model, with state and clusters of their own."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench.pulumi.control_plane import NETNS, ControlPlane
from province.errors import ProvinceError
from province.fleet.descriptor import certificate_sha256, descriptor_path
from province.fleet.fleet import Fleet
from province.fleet.load import inventories_root, load_fleet
from province.fleet.site import Site
from province.lab.commands import enter
from province.ops.workplace import Workplace
from province.toolchain import build, pulumi_home

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).parent / "programs"
ENVIRONMENT = "lab"


@dataclass(frozen=True)
class Cost:
    """What a command took: wall seconds, and processor seconds of it and all that it started."""

    seconds: float
    cpu_seconds: float
    output: str

    @property
    def figures(self) -> dict[str, float]:
        """As the results show it."""
        return {"seconds": round(self.seconds, 1), "cpu_seconds": round(self.cpu_seconds, 1)}


class Desk(Workplace):
    """A workplace inside the benchmark's namespace; facts, access, state and notes lie below one folder."""

    @property
    def folder(self) -> Path:
        """Everything of one round of the benchmark."""
        return CHECKOUT / ".province" / "bench" / "pulumi"

    @property
    def private(self) -> Path:
        """Files of this environment that are never committed."""
        return self.folder / ".province" / ENVIRONMENT

    @property
    def inventories(self) -> Path:
        """A copy of the facts, for the benchmark to change."""
        return self.folder / "inventories"

    def words(self, argv: Sequence[str]) -> list[str]:
        """A command as it has to be called to run there."""
        return [*enter(NETNS), *argv]

    def variables(self) -> dict[str, str]:
        """The environment variables of commands there."""
        shared = pulumi_home.prepare()
        folders = [str(build.binary(name).parent) for name in ("pulumi", "kubectl")]
        return {
            **os.environ,
            **shared,
            "PULUMI_BACKEND_URL": (self.folder / "state").as_uri(),
            "PROVINCE_INVENTORIES": str(self.inventories),
            "PATH": os.pathsep.join([*folders, str(CHECKOUT / ".venv" / "bin"), os.environ["PATH"]]),
        }

    def clear(self) -> Fleet:
        """Begin anew: the facts as they are, no state, no note; the fleet that they make."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(inventories_root(), self.inventories, ignore=shutil.ignore_patterns("descriptors"))
        (self.folder / "state").mkdir()
        return load_fleet(ENVIRONMENT, self.inventories)

    def describe(self, fleet: Fleet, site: Site, plane: ControlPlane) -> None:
        """Hand the cluster over as the playbook `cluster` does."""
        uid = plane.kubectl("get", "namespace", "kube-system", "--output", "jsonpath={.metadata.uid}")
        body = {
            "site": site.id,
            "endpoint": plane.endpoint,
            "ca_sha256": certificate_sha256((plane.folder / "ca.pem").read_text(encoding="ascii")),
            "kube_system_uid": uid,
            "versions": {"kubernetes": site.cluster.kubernetes if site.cluster else "", "containerd": "simulated"},
        }
        path = descriptor_path(fleet.root, ENVIRONMENT, site.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(body), encoding="utf-8")
        access = self.private / "kubeconfigs" / f"{site.id}.yml"
        access.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(plane.kubeconfig, access)

    def cost(self, *words: str, folder: Path = CHECKOUT) -> Cost:
        """Run a command that must end well, and say what it took."""
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(
            self.words(words), cwd=folder, env=self.variables(), capture_output=True, text=True, check=False
        )
        seconds, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            raise ProvinceError(f"`{' '.join(words)}` failed", hint=(done.stdout + done.stderr)[-4000:])
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Cost(seconds, used, done.stdout)

    def own_stack(self, name: str) -> None:
        """Make an empty stack of the benchmark's own programs."""
        self.cost("pulumi", "stack", "init", "--stack", name, folder=PROGRAMS)
