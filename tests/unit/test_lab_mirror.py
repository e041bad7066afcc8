"""The lab's package source has every file that was asked for, whatever was there before."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from province.lab import mirror


def test_a_download_is_whole_whatever_the_order_in_which_apt_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apt answers sorted by itself: taken by place, a package that is kept would stand in for one that is not."""
    monkeypatch.setenv("PROVINCE_CACHE", str(tmp_path / "cache"))
    kept = tmp_path / "cache/packages-host/one/kept_1_2_all.deb"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"kept")
    sums = {"kept": hashlib.sha256(b"kept").hexdigest(), "fresh": "0" * 64}

    def run(argv: list[Any], cwd: Path | None = None, stdin: str = "") -> str:
        if stdin:
            return json.dumps({"problems": {}, "files": ["fresh:amd64=1", "kept:all=1:2"]})
        if "--print-uris" in argv:
            names = {"kept": "kept_1%3a2_all.deb", "fresh": "fresh_1_amd64.deb"}
            return "\n".join(f"'http://x/{name}' {name} 4 SHA256:{sums[key]}" for key, name in names.items())
        if "download" in argv:
            assert argv[argv.index("download") + 1 :] == ["fresh:amd64=1"]
            assert cwd is not None
            (cwd / "fresh_1_amd64.deb").write_bytes(b"new")
        return ""

    monkeypatch.setattr(mirror, "run", run)
    monkeypatch.setattr(mirror, "debian_mirror", lambda: "http://x")
    target = tmp_path / "target"
    target.mkdir()
    mirror.download(target, tmp_path, ("fresh", "kept"))
    assert {file.name: file.read_bytes() for file in target.iterdir()} == {
        "kept_1_2_all.deb": b"kept",
        "fresh_1_amd64.deb": b"new",
    }
