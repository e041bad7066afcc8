"""What a program imports is paid at every preview of every stack, before anything is compared (docs/adr/0004, 0014)."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    *("pulumi_kubernetes.core.v1", "pulumi_kubernetes.apps.v1", "pulumi_kubernetes.networking.v1"),
    *("pulumi_policy", "ansible", "testinfra", "fabric", "paramiko"),
    *("province.lab", "province.manifest", "province.rollout", "province.verify"),
    *("typer", "rich", "pytest", "duckdb", "pyarrow", "cryptography"),
)
"""What the programs could do with and do without: typed classes of objects, and libraries of the other legs."""


def test_a_program_imports_nothing_that_it_does_not_need() -> None:
    words = [sys.executable, "-P", "-c", "import infra.__main__, sys; print(*sys.modules, sep='\\n')"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert {"infra.programs", "pulumi_kubernetes", "province.fleet.load"} <= modules
    assert sorted(modules.intersection(HEAVY)) == []
