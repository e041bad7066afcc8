"""Seeds that are damaged, and boxes that are cut off at any step of their first boot."""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from province.bundle.sums import checksum, write_sums
from province.manifest.trust import USER_CA, trust_folder
from province.pki import ssh_host
from province.pki.authority import authority_folder
from province.pki.subject import subject
from province.seed.claim import accept
from tests.unit.node_in_folder import node_module

from .boxes import Desk, desk_at, fresh, may_make_boxes
from .claimed import NODE, OTHER, bare, claim_of, first_boot, first_keys, seed, ssh_of

KILLED = 9
pytestmark = pytest.mark.skipif(not may_make_boxes(), reason="a box's files are root's: run as root, as CI does")


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_at(tmp_path_factory.mktemp("desk"), NODE)


@pytest.fixture
def desk(first_day: Desk, tmp_path: Path) -> Desk:
    return fresh(first_day, tmp_path)


def test_a_damaged_seed_is_refused_with_the_file_that_is_wrong(desk: Desk) -> None:
    stick = seed(desk)
    code = stick / "node" / "province_node" / "keys.py"
    kept = code.read_bytes()
    code.write_bytes(kept[:-1] + b"\0")
    with pytest.raises(node_module.Trouble, match=r"seed is damaged, make the stick anew: node/province_node/keys\.py"):
        first_boot.begin(bare(desk.folder / "a"), stick)
    code.unlink()
    with pytest.raises(node_module.Trouble, match=r"keys\.py"):
        first_boot.begin(bare(desk.folder / "b"), stick)
    code.write_bytes(kept)
    sums = (stick / "SHA256SUMS").read_text(encoding="utf-8")
    (stick / "SHA256SUMS").write_text(sums.replace("  token\n", "  tokem\n"), encoding="utf-8")
    with pytest.raises(node_module.Trouble, match=r"token \(not in SHA256SUMS\)"):
        first_boot.begin(bare(desk.folder / "c"), stick)
    (stick / "SHA256SUMS").unlink()
    with pytest.raises(node_module.Trouble, match="is no seed, or a damaged one"):
        first_boot.begin(bare(desk.folder / "d"), stick)


def test_a_box_whose_image_knows_the_signers_takes_no_other_seed(desk: Desk) -> None:
    def box(name: str) -> Any:
        made = bare(desk.folder / name)
        shutil.copy(trust_folder(desk.fleet) / USER_CA, desk.folder / name / first_boot.AUTHORITY[1:])
        return made

    first_boot.begin(box("a"), seed(desk))
    with pytest.raises(node_module.Trouble, match="not signed by those whom this box believes"):
        first_boot.begin(box("b"), seed(desk, to="unsigned", signed=False))
    stick = seed(desk, to="changed")
    with (stick / "start").open("a", encoding="utf-8") as file:
        file.write("# somebody's own line\n")
    places = [one.relative_to(stick).as_posix() for one in stick.rglob("*") if one.is_file() and "SUMS" not in one.name]
    write_sums(stick, {place: checksum(stick / place) for place in places})
    with pytest.raises(node_module.Trouble, match="not signed by those whom this box believes"):
        first_boot.begin(box("c"), stick)


def test_nothing_secret_but_the_token_is_in_a_seed(desk: Desk) -> None:
    stick = seed(desk)
    held = [one for one in stick.rglob("*") if one.is_file() and b"PRIVATE KEY" in one.read_bytes()]
    assert held == [stick / "token"]
    assert [one.stat().st_mode & 0o777 for one in (*held, stick.with_suffix(".tar"))] == [0o600, 0o600]
    kept = "".join(one.read_text(encoding="utf-8") for one in trust_folder(desk.fleet).rglob("*") if one.is_file())
    secret = (stick / "token").read_text(encoding="utf-8").splitlines()[2]
    assert secret not in kept


def test_keys_of_tunnels_are_those_that_wireguard_makes(tmp_path: Path) -> None:
    box = first_keys.Box(str(tmp_path))
    private = box.pipe(["wg", "genkey"])
    raw = base64.b64decode(private)
    assert (len(raw), raw[0] & 7, raw[31] & 192) == (32, 0, 64)
    public = X25519PrivateKey.from_private_bytes(raw).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert base64.b64decode(box.pipe(["wg", "pubkey"], private)) == public


def steps(root: Path, work: Callable[[Any], object], stop: int = 0) -> list[str]:
    """The effects of some work on a box; its process is killed before the one of that number, from 1."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:

        class Stopping(first_keys.Box):  # type: ignore[misc]
            count = 0

            def step(self, label: str) -> None:
                self.count += 1
                os.write(writer, f"{label}\n".encode())
                if self.count == stop:
                    os._exit(KILLED)

        code = 1
        try:
            work(Stopping(str(root)))
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as told:
        seen = told.read().splitlines()
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended == (KILLED if 0 < stop <= len(seen) else 0), seen
    return seen


def tree(root: Path) -> dict[str, str]:
    """What is where, and who may read it; what keys and claims hold differs each time."""
    return {
        str(one.relative_to(root)): f"{one.lstat().st_mode:o}"
        for one in sorted(root.rglob("*"))
        if "/run/" not in str(one)
    }


@pytest.mark.parametrize("each", [4, pytest.param(1, marks=pytest.mark.soak)])
def test_a_box_that_is_killed_before_any_step_goes_on_and_converges(desk: Desk, each: int) -> None:
    stick = seed(desk)

    def work(box: Any) -> None:
        first_boot.begin(box, stick)
        first_boot.go(box)

    bare(desk.folder / "whole")
    every = steps(desk.folder / "whole", work)
    assert {"copy the seed", "take the seed", "begin at every boot", "write the claim"} <= set(every)
    for number in range(1, len(every) + 1, each):
        root = desk.folder / f"killed-{number}"
        bare(root)
        assert steps(root, work, number) == every[:number]
        steps(root, work)
        assert steps(root, work) == [], "and a third time changes nothing"
        assert tree(root) == tree(desk.folder / "whole"), every[number - 1]
    accept(desk.fleet, (root / first_boot.CLAIM[1:]).read_text(encoding="utf-8"), datetime.now(UTC))


def test_a_box_that_is_killed_while_it_is_answered_becomes_the_node(desk: Desk) -> None:
    claim = claim_of(desk.folder / "claimed", seed(desk))
    certificate = ssh_host.sign(authority_folder(desk.fleet), ssh_of(claim), subject(desk.fleet.hosts[NODE]))
    answer = {"host": NODE, "certificate": certificate}

    def work(box: Any) -> None:
        """What the controller runs there: nothing where the seed is gone."""
        if box.path(first_boot.BUNDLE).is_dir():
            first_boot.finish(box, answer)

    whole = shutil.copytree(desk.folder / "claimed", desk.folder / "whole", symlinks=True)
    every = steps(whole, work)
    assert every[-3:] == ["forget the token", "forget the seed", "begin no more"]
    for number in range(1, len(every) + 1):
        root = shutil.copytree(desk.folder / "claimed", desk.folder / f"killed-{number}", symlinks=True)
        assert steps(root, work, number) == every[:number]
        steps(root, work)
        steps(root, lambda box: first_boot.go(box) if box.path(first_boot.BUNDLE).is_dir() else None)
        assert tree(root) == tree(whole) or every[number - 1] == "begin no more"
        assert not list(root.rglob("token"))
        assert (root / f"{first_boot.SSH_KEY}-cert.pub"[1:]).read_text(encoding="utf-8") == certificate


def test_an_answer_for_another_box_is_refused(desk: Desk) -> None:
    stick = seed(desk)
    claim_of(desk.folder / "a", stick)
    other = claim_of(desk.folder / "b", stick)
    certificate = ssh_host.sign(authority_folder(desk.fleet), ssh_of(other), subject(desk.fleet.hosts[NODE]))
    box = first_keys.Box(str(desk.folder / "a"))
    with pytest.raises(node_module.Trouble, match="the certificate is for another key than this box's SHA256:"):
        first_boot.finish(box, {"host": NODE, "certificate": certificate})
    with pytest.raises(node_module.Trouble, match=re.escape(f"the answer for {OTHER}")):
        first_boot.finish(box, {"host": OTHER, "certificate": certificate})
    assert box.path(first_boot.BUNDLE).is_dir()
