"""Real Dovecots for tests: the one that old rooms have (Debian 12: 2.3) and that of the new platform (Debian 13: 2.4).

Each is unpacked by the toolchain and runs in its own tree as nobody, on free ports of 127.0.0.1.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from province.migration.files.folder import Folder
from province.migration.mailboxes.samples import Mail
from province.migration.mailboxes.store import MailStore
from province.toolchain import debian
from tests.consumers.relay_servers import free_port

PACKAGES = ("dovecot-imapd", "dovecot-lmtpd", "dash", "coreutils")
SUITES = {True: "bookworm", False: "trixie"}
PASSWORD = "mật khẩu"  # noqa: S105 - of a server that lives for a test
COMMON = """
base_dir = {place}/run
state_dir = {place}/state
log_path = {place}/log
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
ssl = no
listen = 127.0.0.1
first_valid_uid = 1
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
"""
OLD = """
protocols = imap lmtp
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
passdb {{
  driver = passwd-file
  args = {etc}/users
}}
userdb {{
  driver = passwd-file
  args = {etc}/users
  default_fields = uid=nobody gid=nogroup home={homes}/%u
}}
!include_try conf.d/*.conf
"""
NEW = """
protocols {{
  imap = yes
  lmtp = yes
}}
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = ~/Maildir
mail_home = {homes}/%{{user}}
mail_uid = nobody
mail_gid = nogroup
passdb passwd-file {{
  passwd_file_path = {etc}/users
}}
userdb passwd-file {{
  passwd_file_path = {etc}/users
}}
!include_try conf.d/*.conf
"""
INSIDE = """
for one in dev tmp proc; do mount --rbind /$one "$1/$one"; done
mount -t tmpfs tmpfs "$1/etc"
for one in passwd group; do cp /etc/$one "$1/etc/$one"; done
mkdir "$1/etc/dovecot"
mount --bind "$2" "$1/etc/dovecot"
[ -e "$1/bin/sh" ] || ln -s dash "$1/bin/sh"
exec chroot --userspec=65534:65534 "$1" /usr/sbin/dovecot -F
"""


@dataclass
class MailServer:
    """One server in a folder of its own."""

    place: Path
    old: bool
    users: Iterable[str]
    imap: int = field(default_factory=free_port)
    lmtp: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        for one in (self.place, self.etc, self.etc / "conf.d", self.homes, self.place / "run", self.place / "state"):
            one.mkdir()
            one.chmod(0o777)
        self.give(*self.users)
        first = "" if self.old else "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n"
        text = (COMMON + (OLD if self.old else NEW)).format(
            place=self.place, etc=self.etc, homes=self.homes, imap=self.imap, lmtp=self.lmtp
        )
        (self.etc / "dovecot.conf").write_text(first + text)
        # Mounts are this server's alone; its programs are run within them, as on its own host.
        inside = "nsenter --target $PID --mount --root --wd --setuid 65534 --setgid 65534"
        self.tool = self.place / "host"
        self.tool.write_text(
            f'#!/bin/sh\nread -r PID <{self.place}/run/master.pid || exit 255\n[ "$1" != dovecot ] || '
            f'set -- /usr/sbin/"$@"\nexec {inside} "$@"\n'
        )
        self.tool.chmod(0o755)
        self.start()

    @property
    def etc(self) -> Path:
        return self.place / "etc"

    @property
    def homes(self) -> Path:
        return self.place / "homes"

    @property
    def store(self) -> MailStore:
        return MailStore(Folder(str(self.etc)), (str(self.tool),))

    def give(self, *users: str) -> None:
        with (self.etc / "users").open("a") as file:
            file.writelines(f"{user}:{{PLAIN}}{PASSWORD}::::::\n" for user in users)

    def start(self) -> None:
        tree = debian.tree(PACKAGES, SUITES[self.old])
        words = ["unshare", "-m", "sh", "-ec", INSIDE, "sh", str(tree), str(self.etc)]
        with (self.place / "out").open("ab") as out:
            self.process = subprocess.Popen(
                words, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
            )
        end = time.monotonic() + 60
        while not (self.place / "run/master.pid").exists():
            assert time.monotonic() < end, self.said()
            assert self.process.poll() is None, self.said()
            time.sleep(0.02)

    def said(self) -> str:
        return "".join(one.read_text() for one in (self.place / "out", self.place / "log") if one.exists())[-3000:]

    def kill(self) -> None:
        """Without a warning, as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        (self.place / "run/master.pid").unlink(missing_ok=True)

    def end(self) -> None:
        self.kill()
        shutil.rmtree(self.place)

    def host(self, *words: str) -> str:
        """What a program of its host prints."""
        return subprocess.run([self.tool, *words], check=True, capture_output=True, text=True).stdout

    def __str__(self) -> str:
        return shlex.quote(str(self.place))


@contextmanager
def two(mail: Mail) -> Iterator[tuple[MailServer, MailServer]]:
    """An old server that holds this mail, and a new one that holds none."""
    # Not below pytest's folder, which no user but its own enters.
    with tempfile.TemporaryDirectory(prefix="province-mail-") as place:
        Path(place).chmod(0o755)
        both = MailServer(Path(place, "old"), True, mail.users), MailServer(Path(place, "new"), False, mail.users)
        mail.load(both[0].store)
        yield both
        for one in both:
            one.end()
