"""A node leaves for good: two administrators, no keys left anywhere, and a model that no longer knows it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from province.errors import ExitCode
from province.fleet.decommissioned import DECOMMISSIONED
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.revoked import load_revoked
from province.manifest.trust import USER_CA, load_trust, register_of, stand_in, trust_folder
from province.ops.actions.decommission import NAMESPACE
from province.rollout.controller import all_runs

from .action_world import Desk, read_anew
from .test_revoke import BOX, OTHER, desk, lab

__all__ = ["desk", "lab"]
REASON = "the room is given up"
LEAVE = ("op", "decommission", BOX, "--reason", REASON)
GO = ("--ticket", "OPS-131", "--go", "--yes-hosts", "2")
STATEMENT = f"decommission {BOX} of lab: {REASON}\n"


@pytest.fixture
def signed(lab: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The approval of the lab's administrator; commands read the model anew."""
    for key in ("ca", "lan"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / key], check=True)
    words = ["ssh-keygen", "-q", "-s", str(tmp_path / "ca"), "-I", "lan", "-n", "lan", "-V", "-1h:+1d"]
    subprocess.run([*words, str(tmp_path / "lan.pub")], check=True)
    (trust_folder(lab) / USER_CA).write_text((tmp_path / "ca.pub").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr("province.cli.operation.ready", read_anew)
    return sign(tmp_path, STATEMENT)


def sign(place: Path, statement: str, namespace: str = NAMESPACE) -> Path:
    file = place / "statement"
    file.write_text(statement, encoding="utf-8")
    file.with_suffix(".sig").unlink(missing_ok=True)
    words = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(place / "lan-cert.pub"), "-n", namespace, str(file)]
    subprocess.run(words, check=True)
    return file.with_suffix(".sig")


def test_it_is_first_only_said_with_what_the_second_administrator_signs(desk: Desk, lab: Fleet, signed: Path) -> None:
    code, said = desk(*LEAVE)
    assert (code, f"would cut {BOX} over party-internet" in said) == (0, True)
    assert f"(-n {NAMESPACE}): {STATEMENT.strip()}" in said
    assert "addresses become free: " in said
    assert BOX in register_of(lab).enrolled.keys
    assert not (lab.root / "lab" / DECOMMISSIONED).exists()


def test_a_node_leaves_gateways_registers_and_the_model(desk: Desk, lab: Fleet, signed: Path) -> None:
    code, said = desk(*LEAVE, "--approved-by", "lan", "--approval", str(signed), *GO)
    assert (code, "2 done and healthy" in said) == (0, True)
    assert not [key for keys in desk.hosts.peers.values() for key in keys if key.startswith(BOX)]
    assert [row.host for row in load_revoked(trust_folder(lab))] == [BOX]
    assert BOX not in register_of(lab).enrolled.keys
    after = load_fleet("lab", lab.root / ".." / lab.root.name)
    assert BOX not in after.hosts
    assert after.hosts[OTHER].interfaces == lab.hosts[OTHER].interfaces, "nobody else's address moves"
    row = after.decommissioned[BOX]
    assert (row.approved_by, row.reason, row.ticket) == ("lan", REASON, "OPS-131")
    assert set(row.addresses) == {text for one in lab.hosts[BOX].interfaces for text in one.address.texts}
    builder = Builder(after, load_trust(after))
    for gateway in ("rach-gia-gateway-1", "long-xuyen-gateway-1"):
        wanted = builder.build(after.hosts[gateway])
        told = {path: text for (host, path), text in desk.hosts.files.items() if host == gateway}
        assert {path: wanted.files[path].content for path in told} == told
        assert BOX not in "".join(one.content for one in wanted.files.values())
    (run,) = all_runs(desk.runs)
    assert (run.begun.verb, run.begun.arguments["approved_by"], run.begun.urgent) == ("decommission", "lan", False)
    assert "nothing to do on 2 hosts" in desk(*LEAVE)[1]
    assert desk("op", "restart-service", BOX, "--service", "chrony")[0] == ExitCode.NOTHING_SELECTED


def test_the_rest_of_the_province_can_be_built_without_it(lab: Fleet, signed: Path) -> None:
    write(lab, BOX)
    after = load_fleet("lab", lab.root / ".." / lab.root.name)
    builder = Builder(after, stand_in(after))
    assert all(builder.build(host).files for host in after.hosts.values())


@pytest.mark.parametrize(
    ("who", "statement", "namespace", "said"),
    [
        ("", STATEMENT, NAMESPACE, "a second administrator has to approve it"),
        ("somebody", STATEMENT, NAMESPACE, "'somebody' cannot approve it"),
        ("lan", STATEMENT.replace(BOX, OTHER), NAMESPACE, "the approval the signature by 'lan' does not hold"),
        ("lan", STATEMENT, "province-evidence", "does not hold"),
    ],
)
def test_without_a_second_administrator_nothing_is_done(
    desk: Desk, lab: Fleet, signed: Path, who: str, statement: str, namespace: str, said: str
) -> None:
    approval = sign(signed.parent, statement, namespace)
    code, told = desk(*LEAVE, "--approved-by", who, "--approval", str(approval), *GO)
    assert (code != 0, said in told) == (True, True)
    assert BOX in register_of(lab).enrolled.keys
    assert not desk.runs.exists() or not all_runs(desk.runs)


def test_the_operator_cannot_be_the_second_one(
    desk: Desk, lab: Fleet, signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("province.ops.actions.decommission.operator", lambda: "lan@desk")
    code, told = desk(*LEAVE, "--approved-by", "lan", "--approval", str(signed), *GO)
    assert (code, "'lan' cannot approve it" in told) == (ExitCode.USAGE, True)
    assert BOX in register_of(lab).enrolled.keys


def test_who_cannot_leave_this_way(desk: Desk, lab: Fleet, signed: Path) -> None:
    assert "only the nodes of communes" in desk("op", "decommission", "rach-gia-gateway-1")[1]
    assert "did you mean 'phu-quoc-party'" in desk("op", "decommission", "phu-quoc-prty")[1]
    write(lab, OTHER)
    assert "is the last node of its commune" in desk(*LEAVE)[1]
    write(lab, OTHER, BOX)
    with pytest.raises(BadData, match="its commune has no node left"):
        load_fleet("lab", lab.root / ".." / lab.root.name)


def write(lab: Fleet, *names: str) -> None:
    row = "since: 2026-11-27T08:00:00Z, who: hoa, approved_by: lan, approval: a, reason: b, addresses: [198.18.0.1]"
    text = "".join(f"- {{id: {name}, {row}}}\n" for name in names)
    (lab.root / "lab" / DECOMMISSIONED).write_text(text, encoding="utf-8")
