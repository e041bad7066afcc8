"""The schemas by which an API server itself judges objects, as files that kubeconform reads."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.policy.record import Declared
from province.toolchain import binary

from .conftest import LiveStack

LOCATION = "{{.Group}}-{{.ResourceAPIVersion}}-{{.ResourceKind}}.json"
OPEN = ("additionalProperties", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource")


@dataclass(frozen=True)
class Schemas:
    """The OpenAPI documents of one API server (Kubernetes: `/openapi/v3`), kept in a folder as JSON schemas."""

    server: LiveStack
    folder: Path

    @cached_property
    def _paths(self) -> dict[str, str]:
        """Where the document of each group and version is, `apis/apps/v1` for example."""
        index: dict[str, dict[str, str]] = json.loads(self.server.kubectl("get", "--raw", "/openapi/v3"))["paths"]
        return {name: path["serverRelativeURL"] for name, path in index.items()}

    def complaints(self, objects: Iterable[Declared]) -> list[str]:
        """What kubeconform has to say against objects: name, place and problem of each that is not valid."""
        every = list(objects)
        for api_version, kind in {(one.body["apiVersion"], one.kind) for one in every}:
            self._write(api_version, kind)
        done = subprocess.run(
            [binary("kubeconform"), "-strict", "-output", "json", "-schema-location", self.folder / LOCATION, "-"],
            input="\n---\n".join(json.dumps(one.body) for one in every),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout, done.stderr
        invalid = json.loads(done.stdout)["resources"]
        return [f"{one['kind']} {one['name']}: {one['msg']}" for one in invalid]

    def _write(self, api_version: str, kind: str) -> None:
        group, _, version = api_version.rpartition("/")
        file = self.folder / f"{group or version}-{version}-{kind.lower()}.json"
        if file.exists():
            return
        place = f"apis/{api_version}" if group else f"api/{version}"
        document = json.loads(self.server.kubectl("get", "--raw", self._paths[place]))["components"]["schemas"]
        wanted = {"group": group, "version": version, "kind": kind}
        (name,) = [name for name, one in document.items() if wanted in one.get("x-kubernetes-group-version-kind", [])]
        closed = {key: _closed(schema) for key, schema in document.items()}
        content = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": closed}}
        file.write_text(json.dumps(content), encoding="utf-8")


def _closed(schema: Any) -> Any:
    """A schema that refuses keys which it does not know, at every depth; the server only warns of them."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and not any(key in schema for key in OPEN):
        inside["additionalProperties"] = False
    return inside
