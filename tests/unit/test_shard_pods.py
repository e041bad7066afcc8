"""What the pod of a shard is given: its checkout by digest, in which it starts, and secrets made for one run."""

from __future__ import annotations

import io
import lzma
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from infra.components import fleet_runner
from province.errors import HOPELESS, ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.rooms import AUTOMATION, DESK
from province.manifest.trust import SERVICE_CA
from province.ops import workplace
from province.ops.workplace import Workplace
from province.pki import ssh_certificate
from province.shards import carried, secrets, start
from province.shards.store import Store
from province.toolchain import pins
from province.toolchain.images import load_recipe
from province.verify.checkout import commit


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout as a run brings it along: in a store, packed once for all tests."""
    folder = tmp_path_factory.mktemp("store")
    return folder / carried.bring(load_fleet("lab"), Store.at(str(folder)))


@pytest.fixture(scope="module")
def archive(brought: Path) -> bytes:
    """What is in it."""
    return brought.read_bytes()


def names(content: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(content))) as tar:
        return tar.getnames()


def test_a_checkout_is_all_that_a_shard_reads_and_nothing_that_is_never_committed(archive: bytes) -> None:
    found = names(archive)
    wanted = ("province/cli/shard.py", "ansible.cfg", "ansible/playbooks/baseline.yml", "tests/host/test_ssh.py")
    assert {*wanted, "inventories/lab/environment.yml", "templates/common/ssh/etc/ssh/sshd_config.j2"} <= set(found)
    assert not [one for one in found if one.startswith((".province/", ".venv/")) or one.endswith("/ssh_config")]
    assert found == [*sorted(found[:-1]), ".commit"]


def test_what_was_unpacked_knows_its_commit_and_is_the_same_packed_again(archive: bytes, tmp_path: Path) -> None:
    start.unpack(archive, tmp_path)
    assert commit(tmp_path) == commit(pins.CHECKOUT)
    assert (tmp_path / "province/shards/start.py").read_bytes() == Path(start.__file__).read_bytes()
    assert carried.packed(load_fleet("lab")) == archive


def test_a_checkout_lies_in_the_store_under_its_digest(brought: Path) -> None:
    assert brought.parts[-2:] == ("checkout", f"{sha256(brought.read_bytes()).hexdigest()}.tar.xz")


def started(where: str, place: Path, *words: str, desk: str = "") -> subprocess.CompletedProcess[str]:
    """How a pod's first process ends."""
    said = {start.WHERE: where, start.PLACE: str(place), start.OF_DESK: desk}
    command = [sys.executable, start.__file__, *words]
    return subprocess.run(command, env={**os.environ, **said}, capture_output=True, text=True, check=False)


def test_a_pod_becomes_province_in_the_checkout_that_was_named(tmp_path: Path, brought: Path) -> None:
    desk = tmp_path / "desk"
    desk.write_text("Host *\n", encoding="utf-8")
    place = tmp_path / "srv"
    place.mkdir()
    link = f"inventories/lab/ssh_config={desk}"
    done = started(f"file://{brought}", place, "shard", "run", "--help", desk=link)
    assert done.returncode == 0, done.stderr
    assert "--index" in done.stdout
    assert (place / "inventories/lab/ssh_config").read_text(encoding="utf-8") == "Host *\n"


@pytest.mark.parametrize("spoilt", [True, False], ids=["other content", "not there"])
def test_a_pod_runs_nothing_but_what_its_job_names(tmp_path: Path, spoilt: bool) -> None:
    name = f"{sha256(b'what was named').hexdigest()}.tar.xz"
    if spoilt:
        (tmp_path / name).write_bytes(b"what somebody put there")
    place = tmp_path / "srv"
    place.mkdir()
    done = started(f"file://{tmp_path}/{name}", place, "--help")
    assert done.returncode == ExitCode.BAD_DATA
    assert name in done.stderr
    assert list(place.iterdir()) == []


def test_a_pod_of_the_bare_template_ends_at_once_and_a_store_out_of_reach_is_tried_again(tmp_path: Path) -> None:
    done = started("", tmp_path)
    assert done.returncode == ExitCode.USAGE
    assert "no run is named" in done.stderr
    assert (start.USAGE, start.BAD_DATA, start.UNREACHABLE) == (
        ExitCode.USAGE,
        ExitCode.BAD_DATA,
        ExitCode.UNREACHABLE,
    )
    assert ExitCode.UNREACHABLE not in HOPELESS


def test_image_template_and_checkout_call_things_alike() -> None:
    recipe = load_recipe("fleet-runner")
    assert recipe.checkout[recipe.entrypoint[1]] == "province/shards/start.py"
    assert (fleet_runner.PLACE, fleet_runner.OF_DESK) == (start.PLACE, start.OF_DESK)
    assert (fleet_runner.HERE, fleet_runner.SERVICE_CA) == (workplace.HERE, SERVICE_CA)
    assert fleet_runner.FOUND == secrets.FOUND


def test_inside_a_pod_commands_of_the_lab_run_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Workplace.of(load_fleet("lab"))
    monkeypatch.setenv(workplace.HERE, "pod")
    assert work.words(["ssh", "x"]) == ["ssh", "x"]
    assert work.variables()["PROVINCE_ENVIRONMENT"] == "lab"


@pytest.fixture
def fleet(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """A lab whose authorities lie beside its inventories, as `province lab up` puts them."""
    fleet = load_fleet("lab", data)
    authority = data.parent / ".province" / "lab" / "authority"
    trust = fleet.root / "lab" / "trust"
    for folder in (authority, trust):
        folder.mkdir(parents=True, exist_ok=True)
    for place, name in ((authority, "ssh-user-ca"), (trust, "ssh-host-ca")):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place / name)], check=True)
    (trust / SERVICE_CA).write_text("authority of services\n", encoding="utf-8")
    monkeypatch.delenv("PROVINCE_TRUST", raising=False)
    return fleet


def test_a_run_has_a_key_of_its_own_that_opens_automation_s_account_for_a_day(fleet: Fleet) -> None:
    first, second = secrets.automation(fleet, "7c1e9a"), secrets.automation(fleet, "7c1e9a")
    assert first["key"] != second["key"]
    said = ssh_certificate.read(first["key-cert.pub"].decode())
    assert said.names == (fleet.environment.automation.name,)
    assert said.identity == "shards of run 7c1e9a"
    assert said.life <= secrets.LIFE


def test_a_pod_s_ssh_names_every_host_its_key_and_whom_it_believes(fleet: Fleet, tmp_path: Path) -> None:
    given = secrets.desk(fleet)
    assert set(given) == {"ssh_config", "known_hosts", SERVICE_CA}
    assert given["known_hosts"].startswith(b"@cert-authority * ssh-ed25519 ")
    config = tmp_path / "ssh_config"
    config.write_bytes(given["ssh_config"])
    node = next(host for host in fleet.hosts.values() if host.host_class == "edge")
    for name in (node.name, node.fqdn, str(node.management.plain[0])):
        said = subprocess.run(["ssh", "-F", config, "-G", name], capture_output=True, text=True, check=True).stdout
        told = dict(line.partition(" ")[::2] for line in said.splitlines())
        assert told["hostname"] == str(node.management.plain[0])
        assert told["hostkeyalias"] == node.fqdn
        assert told["user"] == fleet.environment.automation.name
        assert told["identityfile"] == f"{secrets.FOUND}/{AUTOMATION}/key"
        assert told["userknownhostsfile"] == f"{secrets.FOUND}/{DESK}/known_hosts"
        assert told["stricthostkeychecking"] in {"true", "yes"}


def no_authority(fleet: Fleet) -> object:
    (fleet.root.parent / ".province/lab/authority/ssh-user-ca").unlink()
    return secrets.automation(fleet, "7c1e9a")


def no_host_authority(fleet: Fleet) -> object:
    (fleet.root / "lab/trust/ssh-host-ca.pub").unlink()
    return secrets.desk(fleet)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (no_authority, "nobody can say that the pods of run 7c1e9a are automation"),
        (no_host_authority, "has no authority of hosts, so pods could trust none"),
        (lambda _: secrets.store_key({"AWS_ACCESS_KEY_ID": "x"}), "AWS_SECRET_ACCESS_KEY: not set"),
    ],
)
def test_what_a_desk_does_not_have_is_named(fleet: Fleet, asked: Callable[[Fleet], object], said: str) -> None:
    with pytest.raises(ProvinceError) as caught:
        asked(fleet)
    assert said in caught.value.message
    assert caught.value.hint
