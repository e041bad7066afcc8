"""The first boot of a box: from a seed to keys of its own and a claim; later from the controller's answer to its end.

    begin STICK   take the seed over, so that the stick may be pulled; done again every time it is called
    go            keys, network, SSH for the controller, and the claim; the unit does it at every boot until the end
    finish        the controller's answer on standard input: the box is the node, and the token is gone

Killed anywhere, it goes on when it is called again: what is there is kept, and every file is there as a whole or not.
`--root FOLDER` works on another root than `/`. The claim says what the keys are, signed by the token (docs/adr/0033).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from . import first_clock, keys, store
from .first_keys import Box
from .node import Trouble, replace_durably, sync_folder, write_durably

FOLDER = "/var/lib/province-seed"
BUNDLE = f"{FOLDER}/bundle"
CLAIM = f"{FOLDER}/claim.json"
ENDED = f"{store.FOLDER}/first-boot.json"
"""What stays: which claim was answered, and when."""
AUTHORITY = "/etc/province-seed-authority.pub"
"""Who may sign seeds, where the box's image says so: then one that is not signed by them is refused."""
UNIT = "/etc/systemd/system/province-first-boot.service"
WANTED = "/etc/systemd/system/multi-user.target.wants/province-first-boot.service"
SSH_KEY = "/etc/ssh/province/ssh_host_ed25519_key"
CERTIFICATE = f"{SSH_KEY}-cert.pub"
SUMS = "SHA256SUMS"
SIGNATURE = f"{SUMS}.sig"
SEED_NAMESPACE = "province-seed"
CLAIM_NAMESPACE = "province-claim"
"""What a signature by the token is for (ssh-keygen(1), -n)."""
FORMAT = 1


def begin(box: Box, stick: Path) -> str:
    """Take a seed over from a stick, and have it gone on with at every boot."""
    if ended := store.load(box, ENDED):
        raise Trouble(f"this box was {ended['host']} before; install it anew first, its keys are never taken again")
    listed = checked(box, stick)
    bundle = box.path(BUNDLE)
    if not bundle.is_dir() or (bundle / SUMS).read_bytes() != (stick / SUMS).read_bytes():
        fresh = box.path(f"{BUNDLE}.new")
        box.step("copy the seed")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        for place in (*listed, SUMS, *([SIGNATURE] if (stick / SIGNATURE).is_file() else [])):
            (fresh / place).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(fresh / place, (stick / place).read_bytes(), 0o600)
        for folder in (*(one for one in fresh.rglob("*") if one.is_dir()), fresh):
            sync_folder(folder)
        box.step("take the seed")
        shutil.rmtree(bundle, ignore_errors=True)
        fresh.replace(bundle)
        sync_folder(bundle.parent)
    _write(box, UNIT, (bundle / "province-first-boot.service").read_text(encoding="utf-8"), 0o644)
    link = box.path(WANTED)
    if not link.is_symlink():
        box.step("begin at every boot")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(UNIT)
        sync_folder(link.parent)
    return f"the seed of {_seed(bundle)['host']} is on the box; the stick may be pulled"


def go(box: Box) -> str:
    """Everything up to the claim; what is there already is kept."""
    if box.read(ENDED):
        forget(box)
        return "the controller has answered already; nothing is left to do"
    bundle = box.path(BUNDLE)
    checked(box, bundle)
    seed = _seed(bundle)
    with box.alone("first boot", patient=True):
        for path, file in seed["files"].items():
            _write(box, path, file["content"], int(file["mode"], 8))
        _account(box, seed["account"])
        keys.apply(box, keys.compare(box, seed["keys"]))
        sshd = seed["sshd"]
        _write(box, sshd["path"], sshd["then" if box.path(CERTIFICATE).exists() else "first"], 0o644)
        if _booted(box):
            box.step("network and SSH")
            box.run(["hostname", seed["host"]])
            box.run(["systemctl", "enable", "systemd-networkd"])
            box.run(["systemctl", "restart", "systemd-networkd"])
        _reload_sshd(box)
        if seed["sets_clock"] and _booted(box):
            first_clock.mend(box, seed)
        return _claim(box, seed)


def finish(box: Box, answer: dict[str, Any]) -> str:
    """Take the controller's answer: the certificate of the SSH key. Afterwards nothing of the seed is left."""
    with box.alone("first boot", patient=True):
        if box.read(ENDED):
            forget(box)
            return "was finished before"
        seed = _seed(box.path(BUNDLE))
        if answer["host"] != seed["host"]:
            raise Trouble(f"this is the answer for {answer['host']}, and the seed is that of {seed['host']}")
        fresh = box.path(f"{FOLDER}/answer-cert.pub")
        write_durably(fresh, answer["certificate"].encode(), 0o644)
        said = box.pipe(["ssh-keygen", "-L", "-f", str(fresh)]).decode()
        own = box.pipe(["ssh-keygen", "-l", "-f", str(box.path(f"{SSH_KEY}.pub"))]).decode().split()[1]
        if f" {own}\n" not in said:
            raise Trouble(f"the certificate is for another key than this box's {own}")
        _write(box, CERTIFICATE, answer["certificate"], 0o644)
        _write(box, seed["sshd"]["path"], seed["sshd"]["then"], 0o644)
        box.step("SSH shows the certificate")
        _reload_sshd(box)
        box.step("write down the end")
        store.save(box, ENDED, {"claim": digest(box.read(CLAIM)), "ssh": own, "host": seed["host"]})
        forget(box)
        return f"the box is {seed['host']}"


def forget(box: Box) -> None:
    """Remove the seed, the token first, and what would begin at the next boot."""
    box.step("forget the token")
    store.forget(box, f"{BUNDLE}/token")
    gone = box.path(f"{FOLDER}.gone")
    box.step("forget the seed")
    shutil.rmtree(gone, ignore_errors=True)
    if box.path(FOLDER).is_dir():
        box.path(FOLDER).replace(gone)
        sync_folder(gone.parent)
        shutil.rmtree(gone)
    box.step("begin no more")
    box.path(WANTED).unlink(missing_ok=True)
    box.path(UNIT).unlink(missing_ok=True)
    if _booted(box):
        box.run(["systemctl", "daemon-reload"])


def checked(box: Box, folder: Path) -> list[str]:
    """The files of a seed, each of which is what its list says; Trouble names those that are not."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise Trouble(f"{folder} is no seed, or a damaged one: {SUMS} cannot be read; make the stick anew") from None
    listed = {place: wanted for wanted, gap, place in (line.partition("  ") for line in lines) if gap}
    wrong = sorted(place for place, wanted in listed.items() if _sum(folder, place) != wanted)
    needed = {"seed.json", "token", "province-first-boot.service", "node/__main__.py"}
    wrong += [f"{place} (not in {SUMS})" for place in sorted(needed - set(listed))]
    if wrong:
        raise Trouble(f"the seed is damaged, make the stick anew: {', '.join(wrong)}")
    _check_signature(box, folder)
    return list(listed)


def digest(text: str) -> str:
    """How a claim is named."""
    return hashlib.sha256(text.encode()).hexdigest()


def _sum(folder: Path, place: str) -> str:
    if place.startswith("/") or ".." in Path(place).parts:
        return "outside"
    try:
        return hashlib.sha256((folder / place).read_bytes()).hexdigest()
    except OSError:
        return "cannot be read"


def _check_signature(box: Box, folder: Path) -> None:
    if not box.path(AUTHORITY).exists():
        return
    seed = _seed(folder)
    allowed = box.path("/run/province-seed-signers")
    keys = [line for line in box.read(AUTHORITY).splitlines() if line.strip() and not line.startswith("#")]
    lines = [f'* cert-authority,namespaces="{SEED_NAMESPACE}" {key}\n' for key in keys]
    replace_durably(allowed, "".join(lines).encode(), 0o644)
    words = ["ssh-keygen", "-Y", "verify", "-f", str(allowed), "-I", seed["signer"] or "nobody", "-n", SEED_NAMESPACE]
    # The clock of a new box is nobody's witness: the certificate must have been good when the seed says it was made.
    words += ["-O", f"verify-time={seed['made_at']}", "-s", str(folder / SIGNATURE)]
    try:
        box.pipe(words, (folder / SUMS).read_bytes())
    except Trouble as trouble:
        raise Trouble(f"the seed is not signed by those whom this box believes: {trouble}") from None


def _claim(box: Box, seed: dict[str, Any]) -> str:
    """Write the claim once for these keys."""
    public = {key["public"]: box.read(key["public"]) for key in seed["keys"].values()}
    there = store.load(box, CLAIM)
    if not there or json.loads(there["claim"])["public"] != public:
        said = {"format": FORMAT, "host": seed["host"], "clock": first_clock.now(), "public": public}
        text = json.dumps(said, ensure_ascii=False, sort_keys=True)
        token = str(box.path(f"{BUNDLE}/token"))
        signed = box.pipe(["ssh-keygen", "-q", "-Y", "sign", "-f", token, "-n", CLAIM_NAMESPACE], text.encode())
        box.step("write the claim")
        store.save(box, CLAIM, {"claim": text, "signature": signed.decode()})
    return f"{seed['host']} is claimed; the controller goes on: province claim {seed['host']}"


def _seed(folder: Path) -> dict[str, Any]:
    found = dict(json.loads((folder / "seed.json").read_text(encoding="utf-8")))
    if found["format"] != FORMAT:
        raise Trouble(f"the seed has format {found['format']}, and this program reads {FORMAT}: make the stick anew")
    return found


def _write(box: Box, path: str, content: str, mode: int) -> None:
    place = box.path(path)
    if not place.is_file() or place.read_bytes() != content.encode() or place.stat().st_mode & 0o777 != mode:
        box.step(f"write {path}")
        replace_durably(place, content.encode(), mode)


def _account(box: Box, account: dict[str, Any]) -> None:
    """The account that the controller enters by: no password, a home, a shell (passwd(5), shadow(5))."""
    name, number = account["name"], account["uid"]
    home = box.path(f"/home/{name}")
    if not home.is_dir():
        box.step(f"make /home/{name}")
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chown(home, number, number)
    for file, line in (
        ("group", f"{name}:x:{number}:"),
        ("gshadow", f"{name}:*::"),
        ("shadow", f"{name}:*:20000:0:99999:7:::"),
        ("passwd", f"{name}:x:{number}:{number}::/home/{name}:/bin/bash"),
    ):
        place = box.path(f"/etc/{file}")
        text = place.read_text(encoding="utf-8")
        if not any(one.startswith(f"{name}:") for one in text.splitlines()):
            box.step(f"add {name} to /etc/{file}")
            found = place.stat()
            replace_durably(place, f"{text}{line}\n".encode(), found.st_mode & 0o777, found.st_uid, found.st_gid)


def _booted(box: Box) -> bool:
    """Whether systemd runs there (sd_booted(3)): in another root than `/` nothing can be restarted."""
    return bool(box.path("/run/systemd/system").is_dir())


def _reload_sshd(box: Box) -> None:
    if _booted(box):
        # Without any host key it has failed often enough by now that systemd would not start it again.
        box.try_run(["systemctl", "reset-failed", "ssh"])
        box.run(["systemctl", "reload-or-restart", "ssh"])
    elif number := box.read("/run/sshd.pid").strip():
        os.kill(int(number), signal.SIGHUP)


def main(words: list[str]) -> int:
    """Do what the words say; what is wrong is said on standard error, for whoever sits before the box."""
    root = "/"
    if words[:1] == ["--root"]:
        root, words = words[1], words[2:]
    box = Box(root)
    try:
        if words[:1] == ["begin"] and len(words) == 2:
            said = begin(box, Path(words[1]))
        elif words == ["go"]:
            said = go(box)
        elif words == ["finish"]:
            said = finish(box, json.loads(sys.stdin.read()))
        else:
            raise Trouble("say begin FOLDER, go, or finish")
    except (Trouble, OSError) as trouble:
        sys.stderr.write(f"first boot: {trouble}\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0
