"""The difference of two manifests is what a reviewer reads."""

from __future__ import annotations

from dataclasses import replace

from province.manifest.difference import difference
from province.manifest.manifest import ManagedFile, Manifest, Sysctl

FILE = ManagedFile("one\ntwo\n", "root", "root", "0644", None, False, "common/a/a.j2", "a")
OLD = Manifest(
    host="h",
    parts=(),
    waiting={},
    packages=("chrony",),
    files={"/etc/a": FILE},
    keys={},
    absent=(),
    users=(),
    groups=(),
    sysctls={"net.a": Sysctl("0", True)},
    units={},
    listens=(),
    sends=(),
    health=(),
)


def test_the_same_manifest_has_no_difference() -> None:
    assert difference(OLD, replace(OLD)) == ""


def test_a_changed_line_stands_under_its_file() -> None:
    new = replace(OLD, files={"/etc/a": replace(FILE, content="one\nthree\n")})
    assert difference(OLD, new).splitlines() == [
        "--- a/etc/a", "+++ b/etc/a", "@@ -1,3 +1,3 @@", " [root:root 0644]", " one", "-two", "+three"
    ]  # fmt: skip


def test_mode_package_and_kernel_setting_show() -> None:
    new = replace(
        OLD,
        packages=("chrony", "rsyslog"),
        sysctls={"net.a": Sysctl("1", True)},
        files={"/etc/a": replace(FILE, mode="0600")},
    )
    text = difference(OLD, new)
    for line in ("+rsyslog", "-net.a: value=0 live=True", "+net.a: value=1 live=True", "+[root:root 0600]"):
        assert line in text.splitlines()


def test_a_file_that_goes_away_is_shown_whole() -> None:
    assert "-two" in difference(OLD, replace(OLD, files={})).splitlines()


def test_nothing_of_a_secret_shows() -> None:
    secret = replace(FILE, secret=True, content="password\n")
    new = replace(OLD, files={"/etc/a": replace(secret, mode="0600")})
    assert "password" not in difference(replace(OLD, files={"/etc/a": secret}), new)
