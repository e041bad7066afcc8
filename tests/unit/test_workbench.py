"""Programs of the lab's desk: commands that begin at the same time do not disturb each other."""

from __future__ import annotations

import subprocess
from pathlib import Path

from province.lab.workbench import write_script


def test_a_script_is_exchanged_as_a_whole_and_only_if_it_differs(tmp_path: Path) -> None:
    """Who opens a file for writing while another is about to run it gets, or gives, `Text file busy`."""
    path = tmp_path / "ssh"
    write_script(path, "#!/bin/sh\nexit 3\n")
    inode = path.stat().st_ino
    write_script(path, "#!/bin/sh\nexit 3\n")
    assert path.stat().st_ino == inode
    with path.open(encoding="utf-8") as held:
        write_script(path, "#!/bin/sh\nexit 4\n")
        assert held.read() == "#!/bin/sh\nexit 3\n"
    assert subprocess.run([path], check=False).returncode == 4
    assert [one.name for one in tmp_path.iterdir()] == ["ssh"]
