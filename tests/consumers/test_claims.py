"""Claims that are wrong, boxes that are cut off at any step, damaged seeds: by the program that boxes run."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from province.bundle.sums import checksum, write_sums
from province.errors import ProvinceError
from province.manifest.enrolled import SSH_KEY
from province.manifest.seeds import load_seeds
from province.manifest.trust import USER_CA, register_of, trust_folder
from province.ops.enrol import sign_requests
from province.pki import ssh_host
from province.pki.authority import authority_folder
from province.pki.ssh_host import fingerprint
from province.pki.subject import subject
from province.seed.claim import Accepted, accept
from province.seed.make import make
from province.verify.signature import signer_of
from tests.unit.node_in_folder import node_module

from .boxes import Desk, desk_at, fresh, may_make_boxes

first_boot: Any = import_module("province_node.first_boot")
first_clock: Any = import_module("province_node.first_clock")
first_keys: Any = import_module("province_node.first_keys")

NODE, OTHER = "phu-quoc-party", "phu-quoc-people"
ACCOUNTS = ("passwd", "group", "shadow", "gshadow")
KILLED = 9
pytestmark = pytest.mark.skipif(not may_make_boxes(), reason="a box's files are root's: run as root, as CI does")


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_at(tmp_path_factory.mktemp("desk"), NODE)


@pytest.fixture
def desk(first_day: Desk, tmp_path: Path) -> Desk:
    return fresh(first_day, tmp_path)


def seed(desk: Desk, name: str = NODE, *, days_ago: int = 0, to: str = "stick", signed: bool = True) -> Path:
    signer = signer_of(desk.fleet.root / "lab" / "ssh_config") if signed else None
    now = datetime.now(UTC) - timedelta(days=days_ago)
    return make(desk.fleet, desk.fleet.hosts[name], desk.folder / to, reason="test", now=now, signer=signer).folder


def bare(root: Path) -> Any:
    (root / "etc").mkdir(parents=True)
    for name in ACCOUNTS:
        (root / "etc" / name).write_text("root:x:0:0:root:/root:/bin/bash\n", encoding="utf-8")
    return first_keys.Box(str(root))


def claim_of(root: Path, stick: Path) -> str:
    """The claim of a new box after its first boot from a stick."""
    box = bare(root)
    first_boot.begin(box, stick)
    first_boot.go(box)
    return str(box.read(first_boot.CLAIM))


def signed_by(token: Path, claim: dict[str, Any]) -> str:
    """A claim that somebody made up, signed by a key."""
    text = json.dumps(claim)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(token), "-n", "province-claim"]
    signature = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout.decode()
    return json.dumps({"claim": text, "signature": signature})


def ssh_of(text: str) -> str:
    shown = json.loads(json.loads(text)["claim"])["public"][f"{first_boot.SSH_KEY}.pub"]
    return ssh_host.public_key(shown)


def test_a_token_is_good_once_and_for_the_same_box_again(desk: Desk) -> None:
    stick = seed(desk)
    mine, other = claim_of(desk.folder / "a", stick), claim_of(desk.folder / "b", stick)
    now = datetime.now(UTC)
    first = accept(desk.fleet, mine, now)
    again = accept(desk.fleet, mine, now)
    assert (again.ssh, again.certificate, again.registration.changed) == (first.ssh, first.certificate, False)
    with pytest.raises(ProvinceError) as caught:
        accept(desk.fleet, other, now)
    assert fingerprint(first.ssh) in str(caught.value)
    assert fingerprint(ssh_of(other)) in str(caught.value)


def test_of_two_boxes_that_race_one_is_the_node(desk: Desk) -> None:
    stick = seed(desk)
    claims = [claim_of(desk.folder / name, stick) for name in ("a", "b")]
    together = threading.Barrier(len(claims))

    def race(text: str) -> Accepted | ProvinceError:
        together.wait()
        try:
            return accept(desk.fleet, text, datetime.now(UTC))
        except ProvinceError as error:
            return error

    with ThreadPoolExecutor(len(claims)) as pool:
        ended = list(pool.map(race, claims))
    (winner,) = [one for one in ended if isinstance(one, Accepted)]
    (row,) = load_seeds(trust_folder(desk.fleet))
    assert row.used
    assert row.used.ssh == winner.ssh == register_of(desk.fleet).enrolled.keys[NODE][SSH_KEY]
    loser = next(text for text in claims if ssh_of(text) != winner.ssh)
    with pytest.raises(ProvinceError, match="a second one is never let in"):
        accept(desk.fleet, loser, datetime.now(UTC))


def test_claims_that_nothing_supports_are_refused_and_change_nothing(desk: Desk) -> None:
    now = datetime.now(UTC)
    late = claim_of(desk.folder / "late", seed(desk, days_ago=4))
    with pytest.raises(ProvinceError, match=r"was good until \d{4}-"):
        accept(desk.fleet, late, now)
    withdrawn_stick = seed(desk, to="first")
    stick = seed(desk, to="second")
    with pytest.raises(ProvinceError, match="was withdrawn on"):
        accept(desk.fleet, claim_of(desk.folder / "withdrawn", withdrawn_stick), now)
    good = claim_of(desk.folder / "good", stick)
    said = json.loads(json.loads(good)["claim"])
    with pytest.raises(ProvinceError, match=f"by the token of {OTHER}, which is good for that node alone"):
        accept(desk.fleet, signed_by(seed(desk, OTHER) / "token", said), now)
    with pytest.raises(ProvinceError, match=f"{OTHER}: refused: the box claims to be {NODE}"):
        accept(desk.fleet, good, now, OTHER)
    with pytest.raises(ProvinceError, match="no token of the register signed its claim"):
        accept(desk.fleet, good.replace(str(said["clock"]), str(said["clock"] + 1)), now)
    assert not register_of(desk.fleet).enrolled.keys
    assert [row.used for row in load_seeds(trust_folder(desk.fleet))] == [None] * 4


def test_a_box_that_claims_an_enrolled_node_without_a_token_is_named(desk: Desk) -> None:
    stick = seed(desk)
    first = accept(desk.fleet, claim_of(desk.folder / "a", stick), datetime.now(UTC))
    said = json.loads(json.loads(claim_of(desk.folder / "b", stick))["claim"])
    forged = signed_by(desk.operator, said)
    with pytest.raises(ProvinceError) as caught:
        accept(desk.fleet, forged, datetime.now(UTC))
    assert f"the node is the box {fingerprint(first.ssh)}, and the one that claims to be it is " in str(caught.value)
    assert fingerprint(ssh_of(forged)) in str(caught.value)
    assert f"province op replace-node {NODE}" in str(caught.value)


def test_what_is_no_claim_is_an_error_and_not_a_crash(desk: Desk) -> None:
    for text in ("", "[]", '{"claim": "{}", "signature": ""}', "\0" * 9, "{" * 700_000):
        with pytest.raises(ProvinceError, match="this is no claim of a box"):
            accept(desk.fleet, text, datetime.now(UTC))


def test_a_clock_that_is_years_off_changes_nothing_about_a_token(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_clock, "now", lambda: 86_400)
    done = accept(desk.fleet, claim_of(desk.folder / "a", seed(desk)), datetime.now(UTC))
    assert done.clock_off_s < -365 * 86_400
    shown = subprocess.run(
        ["ssh-keygen", "-L", "-f", "-"], input=done.certificate, capture_output=True, text=True, check=True
    ).stdout
    assert f"from {datetime.now().astimezone() - timedelta(hours=1):%Y-%m-%dT%H}" in shown, "by this machine's clock"


@pytest.mark.parametrize(
    ("clock", "told", "wanted"),
    [
        (1500, None, None),
        (500, None, 1000),
        (9000, None, 1000),
        (500, 1700, 1700),
        (1690, 1700, None),
        (1500, 9000, None),
    ],
)
def test_a_clock_is_mended_within_the_time_of_the_seed(clock: int, told: int | None, wanted: int | None) -> None:
    assert first_clock.wanted(clock, 1000, 2000, told) == wanted


def test_a_time_server_is_asked_and_silence_is_no_answer() -> None:
    moment = 1_800_000_000
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]

        def answer() -> None:
            asked, who = server.recvfrom(512)
            assert asked[0] & 7 == 3, "a client asks"
            server.sendto(bytes([0b00_100_100, 2]) + bytes(38) + struct.pack(">II", moment + 2208988800, 0), who)

        thread = threading.Thread(target=answer)
        thread.start()
        assert list(first_clock.asked(["127.0.0.1"], port)) == [moment]
        thread.join()
    assert list(first_clock.asked(["127.0.0.1"], port)) == []


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


def test_an_authority_that_lies_elsewhere_signs_later(desk: Desk) -> None:
    environment = desk.fleet.environment.model_copy(update={"certificates_from": "offline"})
    fleet = dataclasses.replace(desk.fleet, environment=environment)
    claim = claim_of(desk.folder / "a", seed(desk))
    now = datetime.now(UTC)
    assert accept(fleet, claim, now).certificate == ""
    assert sign_requests(fleet, authority_folder(fleet), now).signed == (NODE,)
    assert ssh_host.is_for(accept(fleet, claim, now).certificate, ssh_of(claim))
    assert list((trust_folder(fleet) / "requests").iterdir()) == []


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
