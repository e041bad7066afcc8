"""A stolen box: cut off at every gateway, out of the register, and never enrolled again with the keys that it had."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from province.errors import ExitCode, ProvinceError
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.revoked import REVOKED, load_revoked
from province.manifest.trust import (
    COPIES_SEAL,
    DEVICES_CA,
    MIRROR_KEY,
    SERVICE_CA,
    USER_CA,
    load_trust,
    register_of,
    trust_folder,
)
from province.ops.enrol import register, sign_requests
from province.pki import authority
from province.rollout.controller import all_runs

from .action_world import Desk, desk_at
from .test_enrol import REQUEST_PLACE, request, shown

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
BOX, OTHER = "phu-quoc-party", "phu-quoc-people"
REVOKE = ("op", "revoke-node", BOX)
WHY = ("--reason", "box stolen", "--ticket", "INC-7", "--go")
KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def lab(data: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """The lab with anchors of its own and everybody enrolled that tunnels need."""
    monkeypatch.setenv("PROVINCE_INVENTORIES", str(data))
    fleet = load_fleet("lab", data)
    folder = trust_folder(fleet)
    for left in folder.rglob("*.*") if folder.exists() else ():
        left.unlink()
    folder.mkdir(exist_ok=True)
    made, _ = authority.ensure(authority.authority_folder(fleet), "services", NOW)
    (folder / SERVICE_CA).write_text(made.pem, encoding="utf-8")
    (folder / DEVICES_CA).write_text(made.pem, encoding="utf-8")
    (folder / USER_CA).write_text("ssh-ed25519 AAAA ca", encoding="utf-8")
    (folder / COPIES_SEAL).write_text("the seal", encoding="utf-8")
    (folder / MIRROR_KEY).write_text("the mirror's key", encoding="utf-8")
    gateways = [host.name for host in fleet.hosts.values() if host.host_class == "gateway"]
    register(fleet, {name: keys_of(fleet, name) for name in (BOX, OTHER, *gateways)}, NOW)
    return fleet


def keys_of(fleet: Fleet, name: str, salt: str = "") -> dict[str, str]:
    told = shown(fleet, name, request(name, KEY if name == BOX and not salt else None))
    return {place: text if place == REQUEST_PLACE else f"{name}{place}{salt}" for place, text in told.items()}


@pytest.fixture
def desk(lab: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Gateways that let in whom the register names."""
    made = desk_at(tmp_path / "desk", monkeypatch)
    enrolled = register_of(lab).enrolled.keys
    for tunnel in lab.tunnels:
        key = enrolled.get(tunnel.node, {}).get(tunnel.node_device)
        made.hosts.peers.setdefault((tunnel.gateway, tunnel.gateway_device), set()).update([key] if key else [])
    for gateway, device in made.hosts.peers:
        path = f"/etc/wireguard/{device}.conf"
        manifest = Builder(lab, load_trust(lab)).build(lab.hosts[gateway], only=("tunnel",))
        made.hosts.files[gateway, path] = manifest.files[path].content
    return made


def test_it_is_first_only_said(desk: Desk, lab: Fleet) -> None:
    code, said = desk(*REVOKE)
    assert code == 0
    assert f"would cut {BOX} over party-internet, {BOX} over party-tslcd" in said
    assert "rach-gia-gateway-1" in said
    assert "long-xuyen-gateway-1" in said
    assert BOX in register_of(lab).enrolled.keys


def test_a_box_is_out_of_every_gateway_and_every_register(desk: Desk, lab: Fleet) -> None:
    before = {key for keys in desk.hosts.peers.values() for key in keys}
    code, said = desk(*REVOKE, *WHY, "--yes-hosts", "2")
    assert (code, "2 done and healthy" in said) == (0, True)
    after = {key for keys in desk.hosts.peers.values() for key in keys}
    assert {key.partition("/")[0] for key in before - after} == {BOX}
    assert not [path for path, text in desk.hosts.files.items() if f"= {BOX}/" in text]
    assert [path for path, text in desk.hosts.files.items() if f"= {OTHER}/" in text]
    (row,) = load_revoked(trust_folder(lab))
    assert (row.host, row.reason, len(row.keys)) == (BOX, "box stolen", 5)
    enrolled = register_of(lab).enrolled
    assert (BOX in enrolled.keys, BOX in enrolled.certificates, OTHER in enrolled.keys) == (False, False, True)
    (run,) = all_runs(desk.runs)
    assert (len(run.batches), run.begun.urgent) == (1, True)
    assert "nothing to do on 2 hosts" in desk(*REVOKE)[1]


def test_its_keys_are_never_enrolled_again_and_a_new_box_is(desk: Desk, lab: Fleet) -> None:
    desk(*REVOKE, *WHY, "--yes-hosts", "2")
    with pytest.raises(ProvinceError, match=r"revoked on .* wipe it"):
        register(lab, {BOX: keys_of(lab, BOX)}, NOW)
    asks = {**keys_of(lab, BOX, "new"), REQUEST_PLACE: request(BOX, KEY)}
    with pytest.raises(ProvinceError, match="asks with the key of a box that was revoked"):
        register(lab, {BOX: asks}, NOW)
    waiting = trust_folder(lab) / "requests" / f"{BOX}.csr"
    waiting.parent.mkdir(exist_ok=True)
    waiting.write_text(request(BOX, KEY), encoding="utf-8")
    with pytest.raises(ProvinceError, match="asks with the key"):
        sign_requests(lab, authority.authority_folder(lab), NOW)
    waiting.unlink()
    assert register(lab, {BOX: keys_of(lab, BOX, "new")}, NOW).signed == (BOX,)


def test_a_gateway_that_takes_no_new_state_has_cut_the_box_off_nevertheless(desk: Desk) -> None:
    desk.hosts.refuses = True
    code, said = desk(*REVOKE, *WHY, "--yes-hosts", "2")
    assert code == ExitCode.FAILED
    assert "the tunnels are cut, but a restart of the gateway opens them again" in said
    assert not [key for keys in desk.hosts.peers.values() for key in keys if key.startswith(BOX)]


def test_a_gateway_out_of_reach_is_told_of_and_the_register_changed_all_the_same(desk: Desk, lab: Fleet) -> None:
    desk.hosts.away = {"rach-gia-gateway-1", "long-xuyen-gateway-1"}
    code, said = desk(*REVOKE, *WHY)
    assert code == ExitCode.UNREACHABLE
    assert "unreachable  rach-gia-gateway-1" in said
    assert BOX not in register_of(lab).enrolled.keys


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rach-gia-gateway-1",), "only the nodes of communes"),
        (("an-minh",), "has no keys in the register"),
        (("edge",), "at most 2 hosts"),
    ],
)
def test_what_is_refused(desk: Desk, words: tuple[str, ...], said: str) -> None:
    code, told = desk("op", "revoke-node", *words, *WHY)
    assert (code != 0, said in told) == (True, True)
    assert desk.hosts.asked == []


def test_a_register_that_cannot_be_read_names_its_key(lab: Fleet) -> None:
    (trust_folder(lab) / REVOKED).write_text("- {host: Not A Name}\n", encoding="utf-8")
    with pytest.raises(BadData, match=r"trust/revoked\.yml"):
        load_revoked(trust_folder(lab))
