"""`province op rotate` as it is typed: dry, refused by name, resumed, and each step left in the trust anchors."""

from __future__ import annotations

import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from province.errors import ExitCode
from province.fleet.fleet import Fleet
from province.manifest.rotations import Kind, Phase, load_rotations
from province.manifest.trust import SERVICE_CA, USER_CA, trust_folder
from province.ops.authority_keys import AuthorityKeys
from province.ops.enrol import write_register
from province.ops.rotation import standing as standings
from province.ops.rotation.service_ca import ServiceCa
from province.ops.rotation.standing import Standing
from province.ops.rotation.user_ca import ACCEPTED, entered
from province.pki import authority, ssh_certificate
from province.pki.anchors import fingerprint, fingerprints, parts
from province.pki.authority import authority_folder
from province.rollout.controller import all_runs

from .action_world import Desk, desk_at
from .test_revoke import lab  # noqa: F401 - a fixture

ROTATE = ("op", "rotate", "ssh-user-ca")
WHY = ("--reason", "yearly", "--ticket", "OPS-9", "--go")
AWAY = "long-xuyen-people"


@pytest.fixture
def desk(lab: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:  # noqa: F811 - the fixture
    """Hosts that accept the authority of operators, and a controller that has its key and a certificate of it."""
    made = desk_at(tmp_path / "desk", monkeypatch)
    keys = authority_folder(lab)
    for path in (keys / Kind.USER_CA, tmp_path / "operator"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    words = ["ssh-keygen", "-q", "-s", str(keys / Kind.USER_CA), "-I", "desk", "-n", "ops", "-V", "-1h:+14d"]
    subprocess.run([*words, str(tmp_path / "operator.pub")], check=True)
    config = f"Host *\n  User ops\n  CertificateFile {tmp_path}/operator-cert.pub\n"
    (lab.root / "lab" / "ssh_config").write_text(config, encoding="utf-8")
    (trust_folder(lab) / USER_CA).write_text((keys / "ssh-user-ca.pub").read_text(encoding="utf-8"), encoding="utf-8")
    for host in lab.hosts:
        made.hosts.files[host, ACCEPTED] = (keys / "ssh-user-ca.pub").read_text(encoding="utf-8")
    return made


def go(desk: Desk, fleet: Fleet, phase: str, *hosts: str) -> tuple[int, str]:
    return desk(*ROTATE, "--phase", phase, *WHY, "--yes-hosts", str(len(hosts) or len(fleet.hosts)))


def accepted(desk: Desk) -> set[frozenset[str]]:
    """What hosts accept, each kind of answer once."""
    return {fingerprints(text) for (_, path), text in desk.hosts.files.items() if path == ACCEPTED}


def stands(fleet: Fleet) -> Phase:
    return Standing.of(fleet, Kind.USER_CA).phase


def came(desk: Desk, host: str, account: str, by: str, identity: str = "") -> None:
    """Somebody enters a host by a certificate of an authority."""
    line = f"{time.time():.6f} {host} sshd-session[7]: Accepted publickey for {account} from 198.18.0.1 port 5 ssh2: "
    line += f"ED25519-CERT SHA256:k ID {identity or account} (serial 9) CA ED25519 {by}\n"
    desk.hosts.journal[host] = desk.hosts.journal.get(host, "") + line


def test_nothing_is_changed_without_go(desk: Desk, lab: Fleet) -> None:  # noqa: F811
    before = (trust_folder(lab) / USER_CA).read_text(encoding="utf-8")
    code, said = desk(*ROTATE, "--phase", "both", "--reason", "yearly")
    assert (code, "would accept a new authority of operators beside" in said) == (0, True)
    assert (trust_folder(lab) / USER_CA).read_text(encoding="utf-8") == before
    assert load_rotations(trust_folder(lab)) == ()
    code, said = desk(*ROTATE)
    assert (code, "was never rotated" in said, "--phase both" in said) == (0, True, True)


def test_all_three_steps_and_what_each_leaves(desk: Desk, lab: Fleet, tmp_path: Path) -> None:  # noqa: F811
    old = fingerprint(Standing.of(lab, Kind.USER_CA).held[0])
    own = tmp_path / "operator-cert.pub"
    assert go(desk, lab, "both")[0] == 0
    (row,) = load_rotations(trust_folder(lab))
    new = fingerprint(row.new)
    assert accepted(desk) == {frozenset({old, new})}
    assert ssh_certificate.read(own.read_text(encoding="utf-8")).signer == old
    assert go(desk, lab, "new-signs")[0] == 0
    assert ssh_certificate.read(own.read_text(encoding="utf-8")).signer == new
    code, said = desk(*ROTATE)
    assert (code, f"new  {new}  signs" in said, "--phase new-only" in said) == (0, True, True)
    assert go(desk, lab, "new-only")[0] == 0
    assert accepted(desk) == {frozenset({new})}
    (row,) = load_rotations(trust_folder(lab))
    assert row.ended
    keys = AuthorityKeys.of(lab, Kind.USER_CA)
    assert fingerprint(keys.signing.with_name("ssh-user-ca.pub").read_text(encoding="utf-8")) == new
    assert not (keys.folder / "before" / Kind.USER_CA).exists()
    assert len(all_runs(desk.runs)) == 3
    assert go(desk, lab, "both")[0] == 0, "another one may follow"
    assert len(load_rotations(trust_folder(lab))) == 2


def test_a_step_waits_for_a_host_that_was_away(desk: Desk, lab: Fleet) -> None:  # noqa: F811
    desk.hosts.away = {AWAY}
    assert go(desk, lab, "both", *[name for name in lab.hosts if name != AWAY])[0] == ExitCode.UNREACHABLE
    code, said = desk(*ROTATE, "--phase", "new-signs", *WHY)
    assert (code != 0, f"{AWAY}: cannot be asked, and nobody may be left behind: No route" in said) == (True, True)
    desk.hosts.away = set()
    code, said = desk(*ROTATE)
    assert code == ExitCode.DRIFT
    assert f"{AWAY:<28} has yet to accept the authorities of operators" in said
    assert f"{AWAY:<28} keeps the next step back: does not accept the new authority" in said
    code, said = desk(*ROTATE, "--phase", "new-signs", *WHY)
    assert (code != 0, f"{AWAY}: does not accept the new authority" in said) == (True, True)
    assert stands(lab) is Phase.BOTH
    assert go(desk, lab, "both", AWAY)[0] == 0
    assert go(desk, lab, "new-signs")[0] == 0


def test_who_still_enters_by_the_old_one_keeps_it(desk: Desk, lab: Fleet) -> None:  # noqa: F811
    go(desk, lab, "both")
    go(desk, lab, "new-signs")
    (row,) = load_rotations(trust_folder(lab))
    old, new = fingerprint(row.old), fingerprint(row.new)
    came(desk, AWAY, "ops", new, "desk")
    came(desk, AWAY, "somebody-who-left", old)
    came(desk, AWAY, "lan", old)
    code, said = desk(*ROTATE, "--phase", "new-only", *WHY)
    assert code != 0
    assert f"{AWAY}: the last entry of lan (lan) is still by the old authority {old}" in said
    assert (stands(lab), "somebody" in said) == (Phase.NEW_SIGNS, False)
    came(desk, "phu-quoc-party", "lan", new)
    assert go(desk, lab, "new-only")[0] == 0


def test_one_step_back_at_a_time(desk: Desk, lab: Fleet, tmp_path: Path) -> None:  # noqa: F811
    own = tmp_path / "operator-cert.pub"
    before = ssh_certificate.read(own.read_text(encoding="utf-8")).signer
    for phase in ("both", "new-signs"):
        go(desk, lab, phase)
    assert desk(*ROTATE, "--phase", "both", *WHY)[0] == 0
    assert (stands(lab), ssh_certificate.read(own.read_text(encoding="utf-8")).signer) == (Phase.BOTH, before)
    assert go(desk, lab, "old-only")[0] == 0
    (row,) = load_rotations(trust_folder(lab))
    assert (stands(lab), bool(row.ended)) == (Phase.OLD_ONLY, True)
    assert accepted(desk) == {frozenset({before})}


def test_no_other_step_comes_first(desk: Desk) -> None:
    for phase in ("old-only", "new-signs", "new-only"):
        code, said = desk(*ROTATE, "--phase", phase, *WHY)
        assert (code, "is not being rotated" in said) == (ExitCode.USAGE, True)
    assert desk.hosts.asked == []


def test_killed_after_every_write_it_goes_on(desk: Desk, lab: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The controller dies after each write of the trust anchors and of keys in turn; the same command goes on."""
    real = write_register
    deaths = 0

    def dies(texts: dict[Path, str]) -> None:
        nonlocal deaths
        for path, text in texts.items():
            real({path: text})
            deaths += 1
            raise KeyboardInterrupt

    monkeypatch.setattr(standings, "write_register", dies)
    for phase in ("both", "new-signs", "new-only"):
        codes = [1]
        while codes[-1] and len(codes) < 6:
            codes.append(desk(*ROTATE, "--phase", phase, *WHY, "--yes-hosts", str(len(lab.hosts)))[0])
        assert (codes[-1], stands(lab)) == (0, Phase(phase))
    (row,) = load_rotations(trust_folder(lab))
    assert (bool(row.ended), deaths) == (True, 6)
    assert accepted(desk) == {frozenset({fingerprint(row.new)})}


def test_a_new_authority_from_its_keeper_is_read_strictly(desk: Desk, lab: Fleet, tmp_path: Path) -> None:  # noqa: F811
    for key in authority_folder(lab).glob("ssh-user-ca*"):
        key.unlink()
    code, said = desk(*ROTATE, "--phase", "both", *WHY)
    assert (code, "bring its public half: --new FILE" in said) == (ExitCode.USAGE, True)
    bad = tmp_path / "new.pub"
    bad.write_text("ssh-rsa AAAA no\n", encoding="utf-8")
    code, said = desk(*ROTATE, "--phase", "both", "--new", str(bad), *WHY)
    assert (code, str(bad) in said) == (ExitCode.BAD_DATA, True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "ca"], check=True)
    new = ("--new", str(tmp_path / "ca.pub"))
    assert desk(*ROTATE, "--phase", "both", *new, *WHY, "--yes-hosts", str(len(lab.hosts)))[0] == 0
    assert len(parts((trust_folder(lab) / USER_CA).read_text(encoding="utf-8"))) == 2


def test_keys_change_places_file_by_file(tmp_path: Path) -> None:
    keys = AuthorityKeys(tmp_path, Kind.SERVICE_CA)
    now = datetime.now(UTC)
    old, _ = authority.ensure(tmp_path, "services", now)
    new = keys.make_next(now)
    assert keys.make_next(now) == new
    keys.signing.write_bytes((tmp_path / "next" / SERVICE_CA.removesuffix(".pem") / authority.KEY).read_bytes())
    (tmp_path / "before" / "service-ca").mkdir(parents=True)  # killed between the two files
    keys.use_next()
    assert authority.load(tmp_path).pem.strip() == new
    assert new.split("\n")[1] != old.pem.split("\n")[1]
    ServiceCa().check_new(new)


def test_lines_that_nobody_enters_by_are_no_entries() -> None:
    line = "1.5 h sshd[1]: Accepted publickey for ops from 1.2.3.4 port 5 ssh2: ED25519 SHA256:x\n-- Boot 1 --\n"
    assert entered(line, frozenset({"ops"})) == {}
