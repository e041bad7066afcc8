"""A stack of Kubernetes objects under the real engine and provider, without a cluster: objects become files."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from province.toolchain import binary, pulumi_home

PROGRAM = """\
import json
from pathlib import Path

import pulumi
from pulumi_kubernetes import Provider

said = json.loads(Path("said.json").read_text())
cluster = Provider("cluster/here", cluster_identifier=said["cluster"], render_yaml_to_directory="rendered")
for (token, body), (protect, retain) in zip(said["objects"], said["care"], strict=True):
    name = f"{body['metadata'].get('namespace', 'cluster')}/{body['kind']}/{body['metadata']['name']}"
    options = pulumi.ResourceOptions(provider=cluster, protect=protect, retain_on_delete=retain)
    pulumi.CustomResource(token, name, body, options)
"""

Done = subprocess.CompletedProcess[str]
Objects = list[tuple[str, dict[str, Any]]]
"""Each object with the name by which the provider knows its type."""


@dataclass(frozen=True)
class RenderedStack:
    """A stack that declares what a test says, in the environment that its name begins with."""

    folder: Path
    name: str
    settings: Mapping[str, str]

    def say(self, objects: Objects, cluster: str = "one", care: Sequence[tuple[bool, bool]] = ()) -> None:
        """Declare these objects from now on, in the cluster with this identity.

        `care` says of each object whether it is protected, and retained once it is no longer declared.
        """
        said = {"cluster": cluster, "objects": objects, "care": care or [(False, False)] * len(objects)}
        (self.folder / "program" / "said.json").write_text(json.dumps(said), encoding="utf-8")

    def pulumi(self, *words: str) -> Done:
        """Run a verb of Pulumi on the stack."""
        return subprocess.run(
            [str(binary("pulumi")), *words, "--non-interactive", "--color", "never", "--stack", self.name],
            cwd=self.folder,
            env=dict(self.settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def up(self) -> None:
        """Make it so."""
        done = self.pulumi("up", "--yes", "--skip-preview")
        assert done.returncode == 0, done.stdout + done.stderr

    def preview(self) -> dict[str, Any]:
        """What `up` would do, as the engine prints it for programs."""
        done = self.pulumi("preview", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def stopped_preview(self) -> dict[str, Any]:
        """The same of a plan at which the engine itself stops."""
        done = self.pulumi("preview", "--json")
        assert done.returncode != 0, done.stdout
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def saved_plan(self) -> dict[str, Any]:
        """What `up --plan` would be held to."""
        file = self.folder / "plan.json"
        done = self.pulumi("preview", "--save-plan", str(file))
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found


@contextmanager
def rendered_stack(folder: Path, name: str) -> Iterator[RenderedStack]:
    """A new stack in a folder of its own, with an installation of its own."""
    (folder / "Pulumi.yaml").write_text("name: proof\nruntime: python\nmain: program\n", encoding="utf-8")
    (folder / "program").mkdir()
    (folder / "program" / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    # The lab's shell names the clusters' own access, and a provider that renders takes none.
    outside = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
    stack = RenderedStack(folder, name, {**outside, **pulumi_home.prepare(folder / "pulumi")})
    made = stack.pulumi("stack", "init")
    assert made.returncode == 0, made.stderr
    yield stack
