"""A mirror with releases, and a host that takes them: real apt and dpkg below a folder, the lab's mirror and server."""

from __future__ import annotations

import functools
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from province.lab import mirror
from province.lab.commands import run
from province.lab.deb import Deb, make_deb
from province.lab.serve import Files, Server
from province.lab.spec import MirrorSpec
from province.lab.state import Place
from province.manifest.render import renderer
from tests.unit.node_in_folder import node_module, node_side

OCTOBER, NOVEMBER = "trixie-20261016", "trixie-20261116"
HOLD = {"package": "ledger", "reason": "2.0 loses numbers", "owner": "finance", "until": "2026-12-31", "over": False}
ARCHITECTURE = run(["dpkg", "--print-architecture"]).strip()
FOLDERS = (
    *("etc/apt/apt.conf.d", "etc/apt/preferences.d", "proc", "tmp", "var/cache/apt/archives", "var/lib/apt"),
    *("var/lib/dpkg/info", "var/lib/dpkg/triggers", "var/lib/dpkg/updates", "var/log/apt"),
)


class QuietFiles(Files):
    """The lab's file server, which says nothing of its own and counts what it served."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def send_head(self) -> Any:
        """Note what was asked for."""
        asked: list[str] = self.server.asked  # type: ignore[attr-defined]
        asked.append(self.path)
        return super().send_head()


class Mirror:
    """A mirror below a folder, signed by a key of its own; `asked` are the paths that were asked for."""

    def __init__(self, folder: Path) -> None:
        self.place = Place(folder)
        self.folder = folder
        self.served = self.place.mirror / "served"
        self.served.mkdir(parents=True)
        self.asked: list[str] = []
        self.address = ""

    def deb(self, name: str, version: str, text: str = "", depends: tuple[str, ...] = ()) -> Path:
        """A package with one file, which says its version."""
        source = self.folder / "content"
        source.write_text(text or f"{name} {version}\n", encoding="utf-8")
        made = Deb(
            name=name,
            version=version,
            files={f"usr/share/{name}/version": (source, 0o644)},
            maintainer="Tests <tests@invalid>",
            description="A package of a test",
            depends=depends,
        )
        return make_deb(self.folder, made)

    def publish(self, *suites: str, debs: Sequence[Path], valid_days: int = 60) -> None:
        """Bring the mirror to these packages; a suite that is new becomes a release of them."""
        mirror.ensure(self.place, MirrorSpec(debs=tuple(debs), suites=suites, valid_days=valid_days), {})

    def index(self, suite: str) -> Path:
        """The signed index of a suite."""
        return self.served / "debian" / "dists" / suite / "InRelease"

    @contextmanager
    def open(self) -> Iterator[None]:
        """Serve it as the lab does."""
        server = Server(("127.0.0.1", 0), functools.partial(QuietFiles, directory=str(self.served)))
        server.asked = self.asked  # type: ignore[attr-defined]
        self.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class AptHost(node_module.Node):  # type: ignore[misc]
    """A host below a folder with real apt and dpkg, apart from the machine's; systemd only says that it was called."""

    def __init__(self, root: Path, source: Mirror) -> None:
        super().__init__(str(root))
        self.calls: list[str] = []
        self.breaks = ""
        for name in FOLDERS:
            self.path(name).mkdir(parents=True, exist_ok=True)
        self.write("/var/lib/dpkg/status", "")
        self.hold()
        self.write(
            "/etc/apt/sources.list.d/mirror.sources",
            f"Types: deb\nURIs: {source.address}/debian\nSuites: trixie\nComponents: main\n"
            f"Signed-By: {mirror.keyring(source.place)}\n",
        )
        settings = {
            "Dir": f"{root}/",
            "Dir::Bin::methods": "/usr/lib/apt/methods",
            "Dir::Bin::dpkg": "/usr/bin/dpkg",
            "Dir::Bin::apt-key": "/usr/bin/apt-key",
            "Dir::State::status": f"{root}/var/lib/dpkg/status",
            "APT::Sandbox::User": "root",
            "APT::Architecture": ARCHITECTURE,
            "Acquire::Languages": "none",
            "Acquire::http::Proxy": "DIRECT",
            "Acquire::Retries": 0,
            "APT::Install-Recommends": "false",
        }
        options = "".join(f'  "{one}";\n' for one in self.dpkg_options)
        text = "".join(f'{name} "{value}";\n' for name, value in settings.items())
        self.write("/apt.conf", f"{text}DPkg::Options {{\n{options}}};\n")

    @property
    def dpkg_options(self) -> tuple[str, ...]:
        """What keeps dpkg below the folder."""
        return (f"--root={self.root}", "--force-not-root", "--force-script-chrootless", "--force-bad-path")

    def write(self, path: str, text: str) -> None:
        """Write a file of the host."""
        place = self.path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def hold(self, *holds: dict[str, Any]) -> None:
        """Hold packages as hosts are told to."""
        template = "common/updates/etc/apt/preferences.d/held.j2"
        text = renderer().file(template, {"header": "# Made by a test", "update_holds": holds}, "a host")
        self.write("/etc/apt/preferences.d/held", text)

    def install(self, *debs: Path) -> None:
        """Bring packages by hand, as they were before the update."""
        subprocess.run(["dpkg", *self.dpkg_options, "--install", *debs], check=True, capture_output=True)

    def try_run(self, command: Sequence[str], **environment: str) -> Any:
        """Run apt and dpkg below the folder; note what systemd is told."""
        self.calls.append(" ".join(command))
        if command[0] == "systemctl":
            breaks = bool(self.breaks) and self.breaks in self.calls[-1]
            return node_module.Done(int(breaks), "it does not start" if breaks else "")
        words = ["dpkg", *self.dpkg_options, *command[1:]] if command[0] == "dpkg" else list(command)
        return super().try_run(words, APT_CONFIG=str(self.path("/apt.conf")), **environment)

    @property
    def versions(self) -> dict[str, str]:
        """What dpkg says is installed, whole."""
        found: dict[str, str] = node_side("packages").versions(self)
        return found

    def ask(self, verb: str, suite: str, **more: Any) -> dict[str, Any]:
        """What the node's own code answers to a controller."""
        asked = {
            "verb": f"update-{verb}",
            "controller": "tests",
            "reason": "OPS-114",
            "suite": suite,
            "index_sha256": None,
            "holds": [],
            "reboot_for": [],
            "never_restarted": ["dbus.service"],
        }
        found: dict[str, Any] = node_side("entry").answer({**asked, **more}, self)
        return found
