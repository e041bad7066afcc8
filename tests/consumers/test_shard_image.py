"""The image of shards, made and entered as its pods enter it: what it has is enough, and nothing is the machine's.

Root, and a source of Debian's packages and of wheels when the cache has none.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tarfile
from pathlib import Path

import pytest

from infra.policy.record import Declared
from province.fleet.layer import PLATFORM
from province.fleet.load import load_fleet
from province.fleet.rooms import RUNNER, SHARDS
from province.shards.carried import bring
from province.shards.kubernetes import Order, job
from province.shards.store import Store
from province.toolchain.images import image, load_recipe
from tests.synth.conftest import synthesise

pytestmark = pytest.mark.soak

RECIPE = load_recipe("fleet-runner")
IDS = [int(one) for one in RECIPE.user.split(":")]
ENTER = """
mount --rbind /proc "$ROOT/proc" && mount --rbind /dev "$ROOT/dev" || exit 1
exec chroot --userspec={user} --groups= "$ROOT" {words}
"""


class Pod:
    """The image unpacked, with a store in a folder of it and the variables of the lab's own template."""

    def __init__(self, root: Path) -> None:
        self.root = root
        fleet = load_fleet("lab")
        with tarfile.open(image("fleet-runner", Path("/")).path) as archive:
            (listed,) = json.loads(self._read(archive, "manifest.json"))
            with tarfile.open(fileobj=archive.extractfile(listed["Layers"][0])) as layer:
                layer.extractall(root, filter="tar")
        for folder in ("proc", "dev", "srv/province", "home/shard", "tmp"):
            (root / folder).mkdir(parents=True, exist_ok=True)
            os.chown(root / folder, *IDS)
        carried = bring(fleet, Store.at(str(root / "store")))
        template = synthesise(fleet, fleet.primary_site, PLATFORM).object("CronJob", RUNNER, SHARDS)
        (container,) = Declared(job(dict(template.body), Order("7c1e9a", "file:///store", 3, carried))).containers
        self.variables = {one["name"]: one["value"] for one in container["env"] if "value" in one}

    def run(self, *words: str) -> str:
        """What a command of the image prints, run as its user and in its own file tree."""
        script = ENTER.format(user=RECIPE.user, words=shlex.join(words))
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script],
            env={"ROOT": str(self.root), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **self.variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (
            f"{shlex.join(words)}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
        return done.stdout

    def start(self, *words: str) -> str:
        """The same for the words of a pod's container, each time in a new pod's empty folder."""
        place = self.root / "srv/province"
        place.rename(self.root / f"srv/before-{len(list((self.root / 'srv').iterdir()))}")
        place.mkdir()
        os.chown(place, *IDS)
        return self.run(*RECIPE.entrypoint, *words)

    def _read(self, archive: tarfile.TarFile, name: str) -> bytes:
        found = archive.extractfile(name)
        assert found
        return found.read()


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Pod:
    folder = tmp_path_factory.mktemp("image")
    folder.chmod(0o755)
    return Pod(folder)


def test_the_interpreter_is_the_one_that_the_libraries_are_for(pod: Pod) -> None:
    assert RECIPE.locked
    said = pod.run("/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    assert said.strip() == RECIPE.locked.python


def test_a_shard_s_command_starts_and_the_model_is_whole(pod: Pod) -> None:
    assert "lend" in pod.start("shard", "--help")
    assert "--index" in pod.start("shard", "run", "--help")
    checked = pod.start("check")
    assert "102" in checked, checked


def test_every_module_that_a_shard_may_import_is_there(pod: Pod) -> None:
    names = "province.rollout.real_hands, province.verify.session, province.shards.evidence, testinfra, duckdb"
    pod.start("shard", "--help")
    pod.run("/bin/sh", "-c", f"cd /srv/province && exec /usr/bin/python3 -c {shlex.quote(f'import {names}')}")


def test_ansible_reads_the_playbook_and_the_inventory_of_the_checkout(pod: Pod) -> None:
    pod.start("shard", "--help")
    node = next(one.name for one in load_fleet("lab").hosts.values() if one.host_class == "edge")
    words = f"ansible-playbook -i inventories/lab ansible/playbooks/baseline.yml --list-hosts --limit {node}"
    assert node in pod.run("/bin/sh", "-c", f"cd /srv/province && exec {words}")


def test_ssh_knows_who_it_is(pod: Pod) -> None:
    told = pod.run("/usr/bin/ssh", "-F", "none", "-G", "host.example")
    assert "user shard\n" in told
