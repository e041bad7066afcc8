"""Claims that are wrong, and clocks that are: nothing is let in that a token of the register does not support."""

from __future__ import annotations

import dataclasses
import json
import socket
import struct
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.manifest.enrolled import SSH_KEY
from province.manifest.seeds import load_seeds
from province.manifest.trust import register_of, trust_folder
from province.ops.enrol import sign_requests
from province.pki import ssh_host
from province.pki.authority import authority_folder
from province.pki.ssh_host import fingerprint
from province.seed.claim import Accepted, accept

from .boxes import Desk, desk_at, fresh, may_make_boxes
from .claimed import NODE, OTHER, claim_of, first_clock, seed, signed_by, ssh_of

pytestmark = pytest.mark.skipif(not may_make_boxes(), reason="a box's files are root's: run as root, as CI does")


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_at(tmp_path_factory.mktemp("desk"), NODE)


@pytest.fixture
def desk(first_day: Desk, tmp_path: Path) -> Desk:
    return fresh(first_day, tmp_path)


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


def test_an_authority_that_lies_elsewhere_signs_later(desk: Desk) -> None:
    environment = desk.fleet.environment.model_copy(update={"certificates_from": "offline"})
    fleet = dataclasses.replace(desk.fleet, environment=environment)
    claim = claim_of(desk.folder / "a", seed(desk))
    now = datetime.now(UTC)
    assert accept(fleet, claim, now).certificate == ""
    assert sign_requests(fleet, authority_folder(fleet), now).signed == (NODE,)
    assert ssh_host.is_for(accept(fleet, claim, now).certificate, ssh_of(claim))
    assert list((trust_folder(fleet) / "requests").iterdir()) == []


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
