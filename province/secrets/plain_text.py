"""Passwords and private keys that stand in the checkout as they are: what Git has, and what `git add` would take.

detect-secrets (Yelp) knows the tokens of well-known services, private keys and words like `password`; what the
province's own programs write is added here. A line that only looks so says `pragma: allowlist secret` in a comment.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from detect_secrets.core.scan import get_plugins
from detect_secrets.settings import transient_settings

from province.errors import ExitCode, ProvinceError
from province.fleet.findings import Finding

KEYWORD = "KeywordDetector"
SUPPLIED = (
    "ArtifactoryDetector",
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector",
    KEYWORD,
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SlackDetector",
    "StripeDetector",
    "TelegramBotTokenDetector",
)
"""Detectors of detect-secrets that are asked. Not those of high entropy: pinned digests are, by the thousand."""
OWN: Mapping[str, re.Pattern[str]] = {
    "private key of age": re.compile(r"AGE-SECRET-KEY-1[0-9A-Z]{58}", re.IGNORECASE),
    "private key of WireGuard": re.compile(r"\b(?:PrivateKey|PresharedKey)\s*=\s*[A-Za-z0-9+/]{43}="),
    "seed of NATS": re.compile(r"\bS[ACNOU][A-Z2-7]{56}\b"),
    "hashed password": re.compile(r"\$(?:y|gy|7|6|5|2[aby])\$[A-Za-z0-9./$]{30,}"),
    "key of TSIG": re.compile(r'\bsecret\s+"[A-Za-z0-9+/]{22,}={0,2}"\s*;'),
}
STORES = (".p12", ".pfx", ".jks", ".kdbx", ".keytab")
"""Files that hold keys in a form that no line shows."""
HINT = re.compile(r"key|pass|pwd|secret|contra", re.IGNORECASE)
"""In one of these each word of the keyword detector has a part: other lines are not worth its time."""
ALLOWED = "pragma: allowlist secret"
VALUE = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[^\s(){}<>\[\]$,;]{8,}")
"""A value behind such a word that could be one: words, names, calls and versions are not."""
MEND = "take it out of Git's history too, make another, and seal that: province secrets seal"


def scan(checkout: Path) -> list[Finding]:
    """Every line that holds a secret, sorted; the secret itself is never repeated.

    Raises ProvinceError when the folder is no checkout.
    """
    kinds: dict[tuple[str, str], str] = {}
    found: list[Finding] = []
    with transient_settings({"plugins_used": [{"name": name} for name in SUPPLIED], "filters_used": []}):
        plugins = list(get_plugins())
        for name in _files(checkout):
            path = checkout / name
            if path.suffix in STORES:
                found.append(Finding(name, "", "", "is a store of keys", MEND))
                continue
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # a picture, an archive
            for number, line in enumerate(text.splitlines(), 1):
                key = (path.suffix, line.strip())
                if key not in kinds:  # rendered examples repeat each other, and asking is what takes time
                    kinds[key] = _kind(plugins, name, line)
                if kinds[key]:
                    found.append(
                        Finding(name, f"line {number}", "", f"holds a secret in plain text: {kinds[key]}", MEND)
                    )
    return sorted(found)


def _files(checkout: Path) -> Iterator[str]:
    """What Git has of a checkout and what it would take, not what it ignores; a link's content lies elsewhere."""
    words = ["git", "-C", str(checkout), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProvinceError(
            f"{checkout}: what Git has cannot be listed: {done.stderr.strip()}",
            hint="run it in a checkout of this repository",
            exit_code=ExitCode.MACHINE,
        )
    for name in sorted(set(filter(None, done.stdout.split("\0")))):
        path = checkout / name
        if path.is_file() and not path.is_symlink():
            yield name


def _kind(plugins: Iterable[Any], name: str, line: str) -> str:
    """What kind of secret a line holds; empty for none."""
    if ALLOWED in line:
        return ""
    for kind, pattern in OWN.items():
        if pattern.search(line):
            return kind
    for plugin in plugins:
        words = type(plugin).__name__ == KEYWORD
        if words and not HINT.search(line):
            continue
        for one in plugin.analyze_line(filename=name, line=line, line_number=1):
            if not words or VALUE.fullmatch(one.secret_value.strip("'\"`")):
                return str(one.type).lower()
    return ""
