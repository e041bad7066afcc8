"""Secrets in plain text: found by file and line, and never repeated."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.secrets import plain_text

PLAIN = {
    "key.pem": "-----BEGIN EC PRIVATE KEY-----",  # pragma: allowlist secret
    "tunnel.conf": "PrivateKey = " + "A" * 43 + "=",
    "reader": "AGE-SECRET-KEY-1" + "Q" * 58,
    "settings.yml": "password: Xuan2026SaoMai",  # pragma: allowlist secret
    "push.sh": "git push https://robot:hunter2222@git.example/x",  # pragma: allowlist secret
    "shadow": "lan:$y$j9T$" + "a" * 22 + "$" + "b" * 43 + ":20000:0:60:7:::",
    "cloud.ini": "aws_access_key_id = AKIA" + "Q3EGRIP7LKJ5XWMN",
    "store.p12": "x",
}


def test_plain_text_is_found_by_file_and_line_and_never_repeated(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("ignored\n", encoding="utf-8")
    (tmp_path / "ignored").write_text(PLAIN["key.pem"], encoding="utf-8")
    (tmp_path / "picture").write_bytes(b"\x89\xff")
    harmless = "password: Xuan2026SaoMai # pragma: allowlist secret\npassword: !vault\nPasswordAuthentication no\n"
    (tmp_path / "harmless.yml").write_text(harmless, encoding="utf-8")
    for name, line in PLAIN.items():
        (tmp_path / name).write_text(f"first\n{line}\n", encoding="utf-8")
    found = plain_text.scan(tmp_path)
    assert [one.file for one in found] == sorted(PLAIN)
    assert {one.key for one in found if one.file != "store.p12"} == {"line 2"}
    assert not [one for one in found if any(line in str(one) for line in PLAIN.values() if line != "x")]


def test_a_folder_that_is_no_checkout_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(ProvinceError, match="what Git has cannot be listed"):
        plain_text.scan(tmp_path)
