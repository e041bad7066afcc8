"""Keys, certificates and packages that the lab makes with the machine's own tools."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from province.lab import bootstrap, ca, mirror, state
from province.lab.deb import Deb, make_deb
from province.lab.state import Place
from tests.unit.test_lab_plan import GUEST, SPEC


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Give a checkout whose sockets lie in the test's folder too."""
    monkeypatch.setattr(state, "RUNTIME", tmp_path / "run")
    return Place(tmp_path)


def shown(certificate: Path) -> str:
    """Return what ssh-keygen says about a certificate."""
    return subprocess.run(
        ["ssh-keygen", "-L", "-f", str(certificate)], capture_output=True, text=True, check=True
    ).stdout


def test_identities_are_made_once(place: Place) -> None:
    assert ca.ensure(place, SPEC, time.time())[1] == ["host_ca", "user_ca", "operator", "node-a"]
    assert ca.ensure(place, SPEC, time.time())[1] == []


def test_hosts_and_operators_are_signed_by_different_keys(place: Place) -> None:
    authority, _ = ca.ensure(place, SPEC, time.time())
    host = shown(authority.host("node-a") / f"{ca.HOST_KEY}-cert.pub")
    operator = shown(authority.operator.with_name("operator-cert.pub"))
    assert "host certificate" in host
    assert "node-a.lab.test" in host
    assert "user certificate" in operator
    signer = "Signing CA:"
    assert [line for line in host.splitlines() if signer in line] != [
        line for line in operator.splitlines() if signer in line
    ]


def test_a_certificate_is_renewed_at_half_its_life(place: Place) -> None:
    ca.ensure(place, SPEC, time.time())
    later = time.time() + (ca.OPERATOR_DAYS / 2 + 1) * ca.DAY
    assert ca.ensure(place, SPEC, later)[1] == ["operator"]


def test_a_new_address_needs_a_new_certificate(place: Place) -> None:
    ca.ensure(place, SPEC, time.time())
    moved = replace(GUEST, nics=GUEST.nics[:1])
    assert ca.ensure(place, replace(SPEC, guests=(moved,)), time.time())[1] == ["node-a"]


def test_private_keys_are_the_owners_alone(place: Place, tmp_path: Path) -> None:
    authority, _ = ca.ensure(place, SPEC, time.time())
    bootstrap.install_identity(tmp_path / "guest", "node-a", authority, None)
    key = tmp_path / "guest" / bootstrap.SSH / ca.HOST_KEY
    assert key.stat().st_mode & 0o777 == 0o600
    assert authority.user_ca.stat().st_mode & 0o777 == 0o600


def test_the_operators_account_is_added_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owners: list[tuple[int, int]] = []

    def chown(_: Path, user: int, group: int) -> None:
        owners.append((user, group))

    monkeypatch.setattr("os.chown", chown)
    (tmp_path / "etc").mkdir()
    (tmp_path / "home").mkdir()
    for name in ("passwd", "group", "shadow", "gshadow"):
        (tmp_path / "etc" / name).write_text("root:x:0:0\n")
    for _ in range(2):
        bootstrap.install(tmp_path, GUEST, SPEC)
    passwd = (tmp_path / "etc/passwd").read_text().splitlines()
    assert [line.split(":")[0] for line in passwd] == ["root", "ops"]
    assert (tmp_path / "etc/shadow").read_text().splitlines()[1].startswith("ops:*:")
    assert owners[-1] == (SPEC.user_id, SPEC.user_id)


def package(source: Path) -> Deb:
    """Return a small package."""
    return Deb(
        name="probe",
        version="1.0",
        files={"/usr/bin/probe": (source, 0o755)},
        maintainer="Lab <lab@lab.test>",
        description="proof that the lab's source works",
        depends=("libc6",),
        links={"/usr/bin/probe-too": "probe"},
    )


def test_a_package_is_the_same_bytes_every_time(tmp_path: Path) -> None:
    source = tmp_path / "probe.sh"
    source.write_text("#!/bin/sh\necho works\n")
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        made.append(make_deb(tmp_path / name, package(source)))
        source.touch()
    assert made[0].read_bytes() == made[1].read_bytes()
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["probe_1.0_all.deb"]


def test_a_package_holds_its_files_as_root(tmp_path: Path) -> None:
    source = tmp_path / "probe.sh"
    source.write_text("#!/bin/sh\n")
    made = make_deb(tmp_path, package(source))
    listing = subprocess.run(["dpkg-deb", "-c", str(made)], capture_output=True, text=True, check=True).stdout
    files = {line.split()[5]: line.split()[:2] for line in listing.splitlines()}
    assert files["./usr/bin/probe"] == ["-rwxr-xr-x", "root/root"]
    assert files["./usr/bin/"] == ["drwxr-xr-x", "root/root"]
    assert "./usr/bin/probe-too" in files


def test_apt_asks_about_the_guests_packages_not_the_machines(tmp_path: Path) -> None:
    settings = mirror.apt_settings(tmp_path, Path("/image"))
    assert settings["Dir::State::status"] == "/image/var/lib/dpkg/status"
    assert settings["Dir::Etc::sourceparts"] == "-"


def test_the_sources_address_leaves_out_the_usual_port() -> None:
    assert mirror.source("198.18.0.1", 80) == "http://198.18.0.1/debian"
    assert mirror.source("198.18.0.1", 8080) == "http://198.18.0.1:8080/debian"
