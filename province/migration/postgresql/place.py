"""Where a new server's files lie on its host, and how it is filled, started and stopped there."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass, replace

from province.errors import ExitCode, ProvinceError
from province.migration.postgresql.server import Server

PATIENCE_S = 120
LONG_S = 86400
_FILL = """
set -eu
if [ -e "$1/PG_VERSION" ]; then
    [ -e "$1/standby.signal" ] || { echo "$1 holds a server that is no standby" >&2; exit 1; }
    exit 0
fi
rm -rf "$1.part"
"$2/pg_basebackup" --pgdata "$1.part" --checkpoint fast --wal-method stream --dbname "$3" \\
    ${4:+--write-recovery-conf --slot "$4"}
sync -f "$1.part"
mv -T "$1.part" "$1"
"""
_CLEAR = """
set -eu
if [ -e "$1/postmaster.pid" ]; then "$2/pg_ctl" stop --wait --mode immediate --pgdata "$1"; fi
rm -rf "$1" "$1.part" "$1.log"
"""


@dataclass(frozen=True)
class Place:
    """A folder on a host as ssh knows it (None: this machine), whose owner runs the programs of one release.

    `options`: what the server is started with beside its own settings. `spare_port`: that and the next are free, for
    rehearsals.
    """

    data: str
    programs: str
    owner: str
    options: str
    spare_port: int
    host: str | None = None

    def release(self) -> int:
        """The release of the programs there."""
        said = self._run(f'"{self.programs}/postgres" --version')
        found = re.search(r"(\d+)", said)
        if found is None:
            raise ProvinceError(f"{self.programs}/postgres: said no version: {said[:200]}")
        return int(found[1])

    def fill(self, source: str, slot: str) -> None:
        """Copy a server's files, whole or not at all, unless they are there; with a slot it will follow that server."""
        self._run(_FILL, self.data, self.programs, source, slot, seconds=LONG_S)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        words = ("start", "--wait", "--silent", f"--timeout={PATIENCE_S}", "--pgdata", self.data)
        self._run(
            'p="$1"; shift; exec "$p/pg_ctl" "$@"',
            self.programs,
            *words,
            "--log",
            f"{self.data}.log",
            "-o",
            self.options,
        )

    def stop(self) -> None:
        """Stop the server; its files stay."""
        self._run('exec "$1/pg_ctl" stop --wait --mode fast --pgdata "$2"', self.programs, self.data)

    def clear(self) -> None:
        """Stop the server and remove its files."""
        self._run(_CLEAR, self.data, self.programs)

    def beside(self, suffix: str, number: int) -> Place:
        """Another place on the same host, for a server on a spare port."""
        port = self.spare_port + number
        return replace(self, data=f"{self.data}.{suffix}", options=f"{self.options} -c port={port}", spare_port=port)

    def reached(self, server: Server) -> Server:
        """The server of a place beside another's, as that is reached: of a key that stands twice, the last holds."""
        port = f"port={self.spare_port}"
        return replace(server, conninfo=f"{server.conninfo} {port}", from_other=f"{server.conninfo} {port}")

    def _run(self, script: str, *words: str, seconds: float = 2 * PATIENCE_S) -> str:
        command = ["runuser", "-u", self.owner, "--", "sh", "-c", script, "sh", *words]
        if self.host:
            command = ["ssh", "-oBatchMode=yes", self.host, shlex.join(command)]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=seconds, text=True, cwd="/"
        )
        if done.returncode:
            gone = self.host is not None and done.returncode == 255
            raise ProvinceError(
                f"{self.host or 'this machine'}, {self.data}: {done.stderr.strip() or done.stdout.strip()}",
                hint="nothing was switched",
                exit_code=ExitCode.UNREACHABLE if gone else ExitCode.FAILED,
            )
        return done.stdout
