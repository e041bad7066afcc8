"""All mailboxes of one Dovecot, as a shell on its host reaches them."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from province.errors import ProvinceError
from province.fleet.fact import Fact
from province.migration.files.folder import Folder
from province.migration.mailboxes import drain, look
from province.migration.mailboxes.shut import SAYS, SETTINGS, WRITERS, files

OPENING = ".opening"
"""What the name of settings ends in that the server reads no more; it includes what ends in `.conf`."""
USERS_AT_ONCE = 200
"""Of how many users a host is asked in one call."""


class Seen(Fact):
    """One folder of one user. `digest` is over every message, its flags and dates; null where nobody read them.

    `each`: UID, flags, date (seconds since 1970), SHA-256 of head and of body, where they are told one by one.
    """

    user: str
    folder: str
    messages: int
    uidvalidity: int
    uidnext: int
    vsize: int
    subscribed: bool
    digest: str | None = None
    each: tuple[tuple[int, str, str, str, str], ...] | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Whose folder it is, and its name."""
        return self.user, self.folder

    @property
    def shape(self) -> tuple[int, int, bool]:
        """What a user's program goes by to know whether its own copy still holds."""
        return self.uidvalidity, self.uidnext, self.subscribed


@dataclass(frozen=True)
class MailStore:
    """The mailboxes of a server. `settings`: its folder of settings; `programs`: what begins each command there.

    `spare`: where a copy of all mailboxes lies that users do not see; null: the mailboxes that users see.
    """

    settings: Folder
    programs: tuple[str, ...] = ()
    spare: str | None = None

    def beside(self, spare: str) -> MailStore:
        """The same users' mailboxes in another folder of the same host."""
        return replace(self, spare=spare)

    def words(self, *words: str, user: str = "") -> list[str]:
        """A command of doveadm about a user, sent to the copy where this is one."""
        return [*self.programs, "doveadm", *(one.replace(look.USER, user) for one in self._options()), *words]

    def sent(self, *words: str) -> list[str]:
        """A command of doveadm as the controller starts it."""
        host, _, _ = self.settings.place.rpartition(":")
        return ["ssh", "-oBatchMode=yes", host, shlex.join(self.words(*words))] if host else self.words(*words)

    def ask(self, *words: str) -> str:
        """What doveadm prints."""
        return self.settings.run(*self.words(*words))

    def rows(self, *words: str) -> list[dict[str, str]]:
        """What doveadm answers, row by row."""
        return list(json.loads(self.ask("-f", "json", *words) or "[]"))

    @cached_property
    def release(self) -> tuple[int, ...]:
        """The version of the server, its first two numbers."""
        said = self.settings.run(*self.programs, "dovecot", "--version")
        return tuple(int(one) for one in said.split(".")[:2])

    def setting(self, name: str, *more: str) -> str:
        """The value of a setting, as the server reads it."""
        return self.settings.run(*self.programs, "doveconf", *more, "-h", name).strip()

    def listed(self, name: str, *more: str) -> frozenset[str]:
        """The names in a setting that lists some: `a b`, and since 2.4 a line `a = yes` for each."""
        said = self.setting(name, *more)
        if "=" not in said:
            return frozenset(said.split())
        pairs = (line.partition("=") for line in said.splitlines())
        return frozenset(one.strip() for one, _, value in pairs if value.strip() == "yes")

    def users(self) -> tuple[str, ...]:
        """Everybody who has mailboxes here, by name."""
        return tuple(sorted(self.ask("user", "*").split()))

    def look(self, users: Iterable[str], *, content: bool, each: bool = False) -> list[Seen]:
        """Every folder of these users; with `content` every message is read on the host."""
        told: list[Seen] = []
        source = Path(look.__file__).read_text(encoding="utf-8")
        everybody = list(users)
        for first in range(0, len(everybody), USERS_AT_ONCE):
            some = everybody[first : first + USERS_AT_ONCE]
            asked = {
                "doveadm": [*self.programs, "doveadm"],
                "imap": [*self.programs, "doveadm", "exec", "imap"],
                "options": self._options(),
                "users": some,
                "content": content,
                "each": each,
            }
            said = self.settings.run("python3", "-I", "-c", source, json.dumps(asked))
            told += [Seen.model_validate_json(line) for line in said.splitlines()]
        return told

    def refuses(self) -> bool:
        """Whether users' writes and deliveries are refused, or were until a way out of it was killed halfway."""
        path = f"{self.settings.path}/{SETTINGS}"
        script = f'if [ -e "$1" ] || [ -e "$1{OPENING}" ]; then echo yes; fi'
        return self.settings.run("sh", "-c", script, "sh", path) != ""

    def shut(self, seconds: float) -> None:
        """Refuse writes and deliveries, once those under way are over; the settings are written and read anew."""
        for name, text in files(self.settings.path, self.release, self.setting("default_internal_user")).items():
            mode = "644" if name == SETTINGS else "755"
            script = 'mkdir -p "$(dirname "$1")" && printf %s "$2" >"$1.new" && chmod "$3" "$1.new" && mv "$1.new" "$1"'
            self.settings.run("sh", "-ec", script, "sh", f"{self.settings.path}/{name}", text, mode)
        self._anew(seconds, shut=True)

    def open_(self, seconds: float) -> None:
        """Take writes and deliveries again; sessions that were read-only begin anew."""
        path = f"{self.settings.path}/{SETTINGS}"
        # Put aside, and gone only when the server has read what is left: killed in between, it counts as shut.
        self.settings.run("sh", "-ec", f'if [ -e "$1" ]; then mv "$1" "$1{OPENING}"; fi', "sh", path)
        self._anew(seconds, shut=False)
        self.settings.run("rm", "-f", f"{path}{OPENING}")

    def empty(self, users: Iterable[str]) -> None:
        """Take every message and every folder of these users away."""
        for user in users:
            # Not what only holds other folders: that goes with the last of them.
            names = {row["mailbox"] for row in self.rows("mailbox", "status", "-u", user, "messages", "*")} - {"INBOX"}
            self.ask("expunge", "-u", user, "mailbox", "*", "all")
            for name in sorted(names, reverse=True):
                self.ask("mailbox", "delete", "-u", user, "-s", name)
            self.ask("purge", "-u", user)

    def room(self) -> None:
        """Make the folder of a copy, in which each user writes, and nobody reads another's."""
        self.settings.run("install", "-d", "-m", "1777", str(self.spare))

    def clear(self) -> None:
        """Take the folder of a copy away."""
        if self.spare:
            self.settings.run("rm", "-rf", self.spare)

    def _anew(self, seconds: float, *, shut: bool) -> None:
        """Let the server read its settings; who writes is told to end, and ends what it has begun before."""
        there = {row["name"] for row in self.rows("service", "status")} & WRITERS
        before = [row["pid"] for row in self.rows("process", "status") if row["name"] in there]
        # Who delivers is let finish: ended between a message and its answer, the sender would send it once more.
        self.ask("service", "stop", *sorted(there - {drain.DELIVERS}))
        if shut:
            self._drain(seconds)
        else:
            self.ask("reload")
        end = time.monotonic() + seconds
        # Once its settings are read anew, the server lists the processes of before no more; its host does.
        while (left := self._running(before)) or self._says() is not shut:
            if time.monotonic() > end:
                why = f"processes {', '.join(left)} still write" if left else "it did not take its new settings"
                raise ProvinceError(
                    f"{self.settings.place}: {why} after {seconds:.0f} s",
                    hint="`doveadm process status` and its log on its host say more; ask for the same phase again",
                )
            time.sleep(0.05)

    def _drain(self, seconds: float) -> None:
        """Let the server read its settings; deliveries by the old ones are answered by then, or end after so long."""
        asked = {
            "doveadm": [*self.programs, "doveadm"],
            "master": f"{self.setting('base_dir')}/master.pid",
            "seconds": seconds,
        }
        self.settings.run("python3", "-I", "-c", Path(drain.__file__).read_text(encoding="utf-8"), json.dumps(asked))

    def _running(self, processes: Sequence[str]) -> list[str]:
        script = 'for one; do if [ -e "/proc/$one" ]; then echo "$one"; fi; done'
        return self.settings.run("sh", "-c", script, "sh", *processes).split()

    def _says(self) -> bool:
        """Whether the server that runs has the settings by which it tells users why it refuses."""
        return SAYS in {row["name"] for row in self.rows("service", "status")}

    def _options(self) -> list[str]:
        """What sends a command to the copy: settings of this release."""
        if self.spare is None:
            return []
        place = f"{self.spare}/{look.USER}"
        if self.release >= (2, 4):
            return ["-o", "mail_driver=maildir", "-o", f"mail_path={place}", "-o", "mail_inbox_path="]
        return ["-o", f"mail_location=maildir:{place}"]


def copy(source: MailStore, target: MailStore, users: Sequence[str]) -> None:
    """Make the target hold what the source does, and nothing else, by dsync; it runs on the target's host."""
    _synced(target, source, users, ["-R"])


def push(source: MailStore, target: MailStore, users: Sequence[str]) -> None:
    """The same, run on the source's host: on the way back only the new side reaches the old one."""
    _synced(source, target, users, [])


def _synced(here: MailStore, there: MailStore, users: Sequence[str], way: list[str]) -> None:
    """Copy, and once more those users of whom something changed meanwhile, which dsync tells by its exit code."""
    left: list[str] = list(users)
    for _ in range(TRIES):
        wrong = dict(_tried(here, there, left, way))
        if not wrong:
            return
        if bad := {user: said for user, (code, said) in wrong.items() if code != CHANGED}:
            user, said = next(iter(bad.items()))
            raise ProvinceError(
                f"{here.settings.place}: mailboxes of {user}{f' and {len(bad) - 1} more' * (len(bad) > 1)}: {said}",
                hint="mend what it names, then ask for the same phase again: what is over stays over",
            )
        left = list(wrong)
    raise ProvinceError(
        f"{here.settings.place}: mailboxes of {', '.join(left[:10])} changed {TRIES} times while they were copied",
        hint="ask for the same phase again at a quieter hour",
    )


TRIES = 5
CHANGED = 2
AT_ONCE = 4
"""How many users' mailboxes are copied at a time."""
_ONE = """one() {
    user=$1 here=$2 there=$3
    pipes=$(mktemp -d)
    mkfifo "$pipes/there" "$pipes/back"
    eval "$there" <"$pipes/there" >"$pipes/back" 2>"$pipes/said" &
    exec 9>"$pipes/there" 8<"$pipes/back"
    code=0
    eval "$here" >"$pipes/told" 2>&1 </dev/null || code=$?
    exec 9>&- 8<&-
    wait $! || [ "$code" -ne 0 ] || code=1
    if [ "$code" -ne 0 ]; then
        printf '%s\\t%s\\t%s\\n' "$user" "$code" "$(cat "$pipes/told" "$pipes/said" | tr '\\t\\n' '  ')"
    fi
    rm -r "$pipes"
}
"""
_THROUGH = "cat <&8 9>&- & exec cat >&9 8<&-"
"""By what dsync reaches the other side; it runs as the user by then, who has no right to open anything himself."""


def _tried(
    here: MailStore, there: MailStore, users: Sequence[str], way: list[str]
) -> Iterator[tuple[str, tuple[int, str]]]:
    host, _, _ = there.settings.place.rpartition(":")
    reached = ["ssh", "-oBatchMode=yes", host] if host and host != here.settings.place.rpartition(":")[0] else []
    lines = [_ONE]
    for number, user in enumerate(users, start=1):
        other = there.words("dsync-server", "-u", user, user=user)
        far = [*reached, shlex.join(other)] if reached else other
        near = here.words("backup", *way, "-u", user, "sh", "-c", _THROUGH, user=user)
        lines.append(f"one {shlex.join([user, shlex.join(near), shlex.join(far)])} &")
        if number % AT_ONCE == 0:
            lines.append("wait")
    script = "\n".join([*lines, "wait", ""])
    for line in here.settings.typed(script).splitlines():
        user, code, said = line.split("\t", 2)
        yield user, (int(code), said.strip())
