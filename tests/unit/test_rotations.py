"""The steps of a rotation: which may follow which, and that none of them ever locks anybody out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.rotations import (
    ROTATIONS,
    Kind,
    Phase,
    Report,
    Rotation,
    asks_everybody,
    behind,
    load_rotations,
    newest,
    phase_of,
    retired,
    skipped,
)
from province.manifest.trust import stand_in
from province.ops.actions.action import Scene
from province.ops.actions.remote import SshRemote
from province.ops.rotation import turning
from province.ops.rotation.host_ca import known
from province.ops.rotation.service_ca import ACCEPTED, OF_PEOPLE, SHOWN, readers
from province.ops.rotation.turning import Step
from province.ops.rotation.user_ca import UserCa
from province.pki import authority
from province.pki.anchors import fingerprint, fingerprints, for_hosts, joined, parts

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
ROW = Rotation(kind=Kind.USER_CA, old="old key", new="new key", since=NOW, who="lan@desk", reason="yearly")
OLD, NEW = fingerprint("old key"), fingerprint("new key")
NEIGHBOURS = {
    Phase.OLD_ONLY: {Phase.OLD_ONLY, Phase.BOTH},
    Phase.BOTH: {Phase.OLD_ONLY, Phase.BOTH, Phase.NEW_SIGNS},
    Phase.NEW_SIGNS: {Phase.BOTH, Phase.NEW_SIGNS, Phase.NEW_ONLY},
    Phase.NEW_ONLY: {Phase.NEW_ONLY},
}


@pytest.mark.parametrize(("now", "wanted", "ended"), product(Phase, Phase, (False, True)))
def test_no_step_is_skipped(now: Phase, wanted: Phase, ended: bool) -> None:
    allowed = {now, Phase.BOTH} if ended else NEIGHBOURS[now]
    why = skipped(now, wanted, ended=ended)
    assert (not why) == (wanted in allowed)
    assert not why or f"it stands at {now}: from there " in why


@pytest.mark.parametrize("phase", Phase)
def test_where_it_stands_is_read_from_the_file(phase: Phase) -> None:
    assert phase_of(ROW, ROW.accepted(phase)) is phase
    assert phase_of(None, ("anything",)) is Phase.OLD_ONLY
    with pytest.raises(BadData, match=r"trust/ssh-user-ca\.pub"):
        phase_of(ROW, (*ROW.accepted(phase), "a third"))


@pytest.mark.parametrize(
    ("now", "wanted", "accepts", "shows", "said"),
    [
        (Phase.OLD_ONLY, Phase.BOTH, {OLD}, OLD, ""),
        (Phase.BOTH, Phase.NEW_SIGNS, {OLD}, OLD, f"does not accept the new authority {NEW} yet"),
        (Phase.BOTH, Phase.NEW_SIGNS, {OLD, NEW}, OLD, ""),
        (Phase.NEW_SIGNS, Phase.NEW_ONLY, {OLD, NEW}, OLD, f"who is still by the old authority {OLD}"),
        (Phase.NEW_SIGNS, Phase.NEW_ONLY, {OLD, NEW}, "third", "who is still by another authority third"),
        (Phase.NEW_SIGNS, Phase.NEW_ONLY, {OLD, NEW}, NEW, ""),
        (Phase.NEW_SIGNS, Phase.BOTH, {NEW}, NEW, ""),
        (Phase.BOTH, Phase.OLD_ONLY, {OLD, NEW}, NEW, f"who is still by the new authority {NEW}"),
        (Phase.BOTH, Phase.OLD_ONLY, {OLD, NEW}, OLD, ""),
    ],
)
def test_a_host_that_is_behind_says_why(now: Phase, wanted: Phase, accepts: set[str], shows: str, said: str) -> None:
    assert "; ".join(behind(ROW, now, wanted, Report(frozenset(accepts), {"who": shows}))) == said


class Province:
    """Hosts that accept and show; each is brought to the phase by itself, whenever it can be reached."""

    def __init__(self, hosts: int) -> None:
        self.phase = Phase.OLD_ONLY
        self.accepts = [{OLD} for _ in range(hosts)]
        self.shows = [OLD for _ in range(hosts)]

    def step(self, wanted: Phase, reached: list[bool]) -> None:
        """What the command does: refused by what hosts say, unreachable ones included, or written and carried out."""
        if skipped(self.phase, wanted, ended=False):
            return
        reports = [Report(frozenset(a), {"own": s}) for a, s in zip(self.accepts, self.shows, strict=True)]
        waits = not all(reached) or any(behind(ROW, self.phase, wanted, one) for one in reports)
        if asks_everybody(self.phase, wanted) and waits:
            return
        self.phase = wanted
        accepted = [fingerprint(one) for one in ROW.accepted(wanted)]
        for number, there in enumerate(reached):
            if there:
                self.accepts[number], self.shows[number] = set(accepted), accepted[0]
                self.whole()

    def whole(self) -> None:
        """Everybody is let in everywhere."""
        for by, accepted in product(self.shows, self.accepts):
            assert by in accepted


REACHED = st.one_of(st.just([True] * 4), st.lists(st.booleans(), min_size=4, max_size=4))
"""Everybody as often as not: else a step that asks everybody is hardly ever tried."""
STEPS = st.lists(st.tuples(st.sampled_from(list(Phase)), REACHED), max_size=30)


@settings(deadline=None, max_examples=300)
@given(STEPS)
def test_whatever_is_typed_and_whoever_is_away_nobody_is_locked_out(steps: list[tuple[Phase, list[bool]]]) -> None:
    world = Province(4)
    for wanted, reached in steps:
        world.step(wanted, reached)
        world.whole()
    for wanted in (world.phase, Phase.BOTH, Phase.NEW_SIGNS, Phase.NEW_SIGNS, Phase.NEW_ONLY):
        world.step(wanted, [True] * 4)
    if world.phase is not Phase.OLD_ONLY:
        assert (world.phase, world.shows, world.accepts) == (Phase.NEW_ONLY, [NEW] * 4, [{NEW}] * 4)


def test_what_was_let_go_counts_for_its_own_time() -> None:
    ended = ROW.model_copy(update={"ended": NOW})
    assert retired((ended,), Kind.USER_CA, ("new key",)) == {"old key": NOW}
    assert retired((ROW,), Kind.USER_CA, ("new key", "old key")) == {}
    assert retired((ended,), Kind.HOST_CA, ()) == {}
    assert newest((ended, ROW), Kind.USER_CA) == ROW


def test_a_file_holds_several_authorities_and_hosts_do_not_see_which_one_signs() -> None:
    made = [authority.make(name, NOW).pem.strip() for name in ("one", "two")]
    for pair in (made, ["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"]):
        text = "# a comment\n" + joined(pair)
        assert list(parts(text)) == pair
        assert len(fingerprints(text)) == 2
        assert for_hosts(text) == for_hosts(joined(reversed(pair)))
    assert for_hosts(made[0] + "\n") == made[0]


def test_known_hosts_follow_and_what_others_wrote_stays() -> None:
    theirs = "# mine\nhost ssh-ed25519 CCCC\n@cert-authority *.other ssh-ed25519 AAAA\n"
    theirs += "@cert-authority * ssh-ed25519 DDDD\n"
    before = theirs.replace("*.other ssh-ed25519 AAAA", "* ssh-ed25519 AAAA")
    ours = "ssh-ed25519 AAAA old\nssh-ed25519 BBBB new\n"
    both = known(before, ours, ours)
    assert both.count("@cert-authority * ssh-ed25519") == 3
    assert known(both, ours, ours) == both
    assert known(both, ours, "ssh-ed25519 BBBB new\n") == before.replace("AAAA", "BBBB")
    assert "@cert-authority *.other ssh-ed25519 BBBB\n" in known(theirs, ours, "ssh-ed25519 BBBB new\n")


@pytest.fixture(scope="module")
def lab() -> Fleet:
    return load_fleet("lab")


def daemons(fleet: Fleet) -> Iterator[tuple[str, str]]:
    """Units that show the host's certificate, with whether they are restarted for the authorities, too."""
    builder = Builder(fleet, stand_in(fleet))
    for host in fleet.hosts.values():
        manifest = builder.build(host)
        for part in manifest.parts:
            says = any(ACCEPTED in manifest.files[path].content for path in part.files if path in manifest.files)
            for name in part.units:
                unit = manifest.units[name]
                reads = {*unit.restart_on, *unit.reload_on}
                if says and SHOWN in reads and ACCEPTED not in reads:
                    yield host.host_class, name


NOT_FOR_IT = {"prometheus.service", "counter-door.service", "video-relay.service"}
"""Prometheus reads the file anew when it changed (prometheus/common, NewTLSRoundTripper); the others only show."""


def test_every_daemon_that_accepts_authorities_is_restarted_with_their_file(lab: Fleet) -> None:
    assert {name for _, name in daemons(lab)} <= NOT_FOR_IT


def test_a_rotation_brings_what_reads_the_files_and_nothing_else(lab: Fleet) -> None:
    manifest = Builder(lab, stand_in(lab)).build(lab.hosts["phu-quoc-people"])
    found = readers(manifest, (ACCEPTED, SHOWN))
    assert {"service_key", "certificate", "logging", "metrics", "relay", "dns"} <= set(found)
    assert not {"ssh", "tunnel", "firewall"} & set(found)


@pytest.mark.parametrize("name", ["rach-gia-control-plane-1", "rach-gia-services-1", "rach-gia-ingress-1"])
def test_no_file_of_a_host_that_names_the_authority_of_services_is_left_behind(name: str) -> None:
    """In production, where API servers know the identity provider by it."""
    fleet = load_fleet("production")
    manifest = Builder(fleet, replace(stand_in(fleet), service_ca="of-services")).build(fleet.hosts[name])
    naming = {path: file.capability for path, file in manifest.files.items() if "of-services" in file.content}
    assert (OF_PEOPLE in naming) == name.startswith("rach-gia-control-plane")
    assert set(naming.values()) <= set(readers(manifest, (ACCEPTED, SHOWN, OF_PEOPLE)))


def test_every_file_that_names_the_authority_of_operators_follows_it_line_by_line(
    lab: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turning, "load_trust", stand_in)
    trust = replace(stand_in(lab), ssh_user_ca="ssh-ed25519 old-of-operators\nssh-ed25519 new-of-operators")
    builder = Builder(lab, trust)
    brought: dict[str, set[str]] = {}

    def bring(_: UserCa, __: Scene, host: Host, ___: Step, only: tuple[str, ...]) -> str:
        brought[host.name] = set(only)
        return ""

    monkeypatch.setattr(UserCa, "bring", bring)
    scene, step = Scene(lab, SshRemote(lab), Path()), Step(None, Phase.OLD_ONLY, Phase.BOTH)
    for name in ("phu-quoc-people", "rach-gia-services-1", "rach-gia-gateway-1"):
        manifest = builder.build(lab.hosts[name])
        naming = {path: file for path, file in manifest.files.items() if "of-operators" in file.content}
        UserCa().act(scene, lab.hosts[name], step)
        assert {file.capability for file in naming.values()} == brought[name]
        for path, file in naming.items():
            lines = [line for line in file.content.splitlines() if "of-operators" in line]
            assert len(lines) == 2, path
            assert len({line.partition("ssh-ed25519")[0] for line in lines}) == 1, (
                f"{path}: options of one are the other's"
            )


def test_a_register_that_cannot_be_read_names_its_key(tmp_path: Path) -> None:
    place = tmp_path / "inventories" / "lab" / "trust"
    place.mkdir(parents=True)
    (place / ROTATIONS).write_text("- {kind: no-such}\n", encoding="utf-8")
    with pytest.raises(BadData, match=r"trust/rotations\.yml"):
        load_rotations(place)
