"""The tests that stand beside our own programs in tools/, run by the compiler that builds them."""

from __future__ import annotations

import os
import subprocess

import pytest

from province.toolchain import go, pins

pytestmark = pytest.mark.lab

OURS = sorted({file.parent.name for file in pins.TOOLS.glob("*/*_test.go")})


@pytest.mark.parametrize("folder", OURS)
def test_a_program_passes_its_own_tests(folder: str) -> None:
    compiler = go.locate(pins.load().go.version)
    done = subprocess.run(
        [str(compiler), "test", "./..."],
        cwd=pins.TOOLS / folder,
        env=go.environment(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
