"""What the program's environment holds: Python packages, and the provider plugins that they speak to."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

from pulumi.runtime.proto import language_pb2, plugin_pb2


def sdk_version() -> str:
    """Return the version of the Pulumi SDK, which is the version of this host too."""
    return metadata.version("pulumi")


def installed() -> list[language_pb2.DependencyInfo]:
    """List all installed Python packages with their versions, as `pulumi about` shows them."""
    return [language_pb2.DependencyInfo(name=found.name, version=found.version) for found in metadata.distributions()]


def providers() -> list[plugin_pb2.PackageDependency]:
    """List the provider plugins that the installed SDK packages need.

    Each such package says so in a file `pulumi-plugin.json` of its own (name, version, perhaps a server).
    """
    files = (file for place in sys.path for file in sorted(Path(place).glob("*/pulumi-plugin.json")))
    wanted = (json.loads(file.read_text(encoding="utf-8")) for file in files)
    return [
        plugin_pb2.PackageDependency(
            name=plugin["name"],
            kind="resource",
            version=f"v{plugin['version'].removeprefix('v')}",
            server=plugin.get("server", ""),
        )
        for plugin in wanted
        if plugin.get("resource")
    ]
