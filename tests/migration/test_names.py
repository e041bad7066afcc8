"""Names of a move at a real server of their zone: kept short before, switched with the cut-over, kept long again."""

from __future__ import annotations

import secrets
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.migration import Move, Phase
from province.migration.gates import Measured
from province.migration.hands import MoveHands
from province.migration.names.hands import SHORT_S, NamedHands, Switch
from province.migration.names.zone import Addresses, Name
from province.migration.proofs import Backup, Rehearsal
from tests.consumers.relay_servers import free_port
from tests.consumers.test_exports import program

OLD, NEW = frozenset({"192.0.2.10", "2001:db8::10"}), frozenset({"198.51.100.7"})
ZONE = "phongmay.example"
TTL = 3600


@pytest.fixture
def name(tmp_path: Path) -> Iterator[Name]:
    port, key = free_port(), tmp_path / "move.key"
    secret = b64encode(secrets.token_bytes(32)).decode()
    key.write_text(f'key "move" {{\n\talgorithm hmac-sha256;\n\tsecret "{secret}";\n}};\n')
    (tmp_path / "db").write_text(
        f"$TTL {TTL}\n@ IN SOA ns hostmaster 1 3600 900 604800 60\n@ IN NS ns\nns IN A 127.0.0.1\n"
        + "".join(f"vanban IN {'AAAA' if ':' in one else 'A'} {one}\n" for one in sorted(OLD))
    )
    (tmp_path / "named.conf").write_text(
        f'include "{key}";\ncontrols {{}};\n'
        f'options {{ directory "{tmp_path}"; pid-file none; session-keyfile "{tmp_path}/session.key"; recursion no;\n'
        f"  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; }};\n"
        f'zone "{ZONE}" {{ type primary; file "{tmp_path}/db"; update-policy {{ grant move zonesub ANY; }}; }};\n'
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([program("named"), "-g", "-c", str(tmp_path / "named.conf")], stdout=log, stderr=log)
    end = time.monotonic() + 20
    while "all zones loaded" not in (tmp_path / "log").read_text():
        assert process.poll() is None, (tmp_path / "log").read_text()[-2000:]
        assert time.monotonic() < end
        time.sleep(0.05)
    yield Name(f"vanban.{ZONE}", ZONE, "127.0.0.1", str(key), port)
    process.kill()
    process.wait()


@dataclass
class Sides:
    """What a move does beside its names; it notes where the name led when it did it."""

    name: Name
    at: Phase = Phase.PROVISIONED
    led: dict[Phase, frozenset[str]] = field(default_factory=dict)
    broken: bool = False

    def phase(self, _move: Move) -> Phase:
        return self.at

    def measure(self, _move: Move, _wanted: Phase, /) -> Measured:
        return Measured(probes_failed=())

    def act(self, _move: Move, wanted: Phase) -> None:
        self.led[wanted] = self.name.read().addresses
        if self.broken:
            raise ProvinceError("a side refused")
        self.at = wanted

    def written_since_cut_over(self, _move: Move, /) -> int | None:
        return None

    def strayed(self, _move: Move, /) -> int | None:
        return None

    def rehearse(self, _move: Move) -> Rehearsal:
        raise NotImplementedError

    def backup(self, _move: Move) -> Backup:
        raise NotImplementedError


@pytest.fixture
def move(fleet: Fleet) -> Move:
    assert fleet.migration
    return fleet.migration.moves["trial-an-giang"]


def test_a_name_is_kept_short_then_switched_then_kept_long_again(name: Name, move: Move) -> None:
    sides = Sides(name)
    inner: MoveHands = sides
    hands = NamedHands(inner, (Switch(name, OLD, NEW),))
    assert name.read() == Addresses(OLD, TTL)
    assert hands.measure(move, Phase.FROZEN).names_waiting == (f"{name.name} is kept for {TTL} s",)
    for _ in range(2):
        hands.act(move, Phase.REPLICATING)
    assert name.read() == Addresses(OLD, SHORT_S)
    # Who asked just before may keep it for an hour, and until then nothing freezes.
    (waits,) = hands.measure(move, Phase.FROZEN).names_waiting or ()
    assert waits.startswith(f"{name.name} may be kept until")
    assert Switch(name, OLD, NEW).waits(datetime.now(UTC) + timedelta(seconds=TTL + 1)) is None
    # Killed after the names: the same step again.
    sides.broken = True
    with pytest.raises(ProvinceError, match="a side refused"):
        hands.act(move, Phase.CUT_OVER)
    sides.broken = False
    hands.act(move, Phase.CUT_OVER)
    assert (name.read(), sides.led[Phase.CUT_OVER]) == (Addresses(NEW, SHORT_S), NEW)
    assert hands.measure(move, Phase.SOAKING).probes_failed == ()
    hands.act(move, Phase.RETIRED)
    assert (name.read(), name.note()) == (Addresses(NEW, TTL), "")


def test_the_way_back_leads_the_name_back_before_the_old_side_takes_writes(name: Name, move: Move) -> None:
    sides = Sides(name)
    hands = NamedHands(sides, (Switch(name, OLD, NEW),))
    hands.act(move, Phase.REPLICATING)
    hands.act(move, Phase.CUT_OVER)
    name.write(OLD, SHORT_S, name.note())
    assert hands.measure(move, Phase.SOAKING).probes_failed == (f"{name.name} does not lead to the new side",)
    hands.act(move, Phase.CUT_OVER)
    hands.act(move, Phase.ROLLED_BACK)
    assert sides.led[Phase.ROLLED_BACK] == OLD
    assert (name.read(), name.note()) == (Addresses(OLD, TTL), "")


def test_what_is_neither_side_or_not_ours_is_left_alone(name: Name, move: Move, tmp_path: Path) -> None:
    hands = NamedHands(Sides(name), (Switch(name, NEW, frozenset({"203.0.113.1"})),))
    with pytest.raises(ProvinceError, match="which is neither side"):
        hands.act(move, Phase.CUT_OVER)
    stranger = tmp_path / "stranger.key"
    stranger.write_text((tmp_path / "move.key").read_text().replace('"move"', '"other"'))
    with pytest.raises(ProvinceError, match=r"refused to change|TSIG|peer|key"):
        replace(name, key=str(stranger)).write(NEW, 5, "")
    assert name.read() == Addresses(OLD, TTL)
    with pytest.raises(ProvinceError, match="leads nowhere"):
        replace(name, name=f"khong-co.{ZONE}").read()
    with pytest.raises(ProvinceError) as gone:
        replace(name, port=free_port()).read()
    assert gone.value.exit_code == 4
