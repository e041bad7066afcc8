"""Build a Go program of ``tools/`` from its pins, or find it where it already is."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.toolchain import cache, go, pins
from province.toolchain.pins import Artefact

REPORT_EVERY_S = 20.0

_CHECKSUM = "sha256"
_LOG_LINES = 15


def binary(name: str) -> Path:
    """Return a program that runs: the installed one if its version fits exactly, else the one built here."""
    artefact = pins.load().artefact(name)
    return installed(artefact) or built(artefact)


def build_all(names: Iterable[str] = ()) -> dict[str, Path]:
    """Return the programs called `names`, or all but those on demand; builds what is missing, one after the other.

    The Go compiler uses all cores by itself, so nothing would be gained by building two at once.
    """
    usual = (name for name, artefact in pins.load().artefacts.items() if not artefact.on_demand)
    return {name: binary(name) for name in (list(names) or usual)}


def installed(artefact: Artefact) -> Path | None:
    """Return the program of that name on the PATH if it answers with exactly the pinned version.

    One of the cache's own, which a shell of ours puts on the PATH, is not an installed one.
    """
    rule = artefact.installed
    place = shutil.which(artefact.name) if rule else None
    if rule is None or place is None or Path(place).resolve().is_relative_to(cache.directory().resolve()):
        return None
    try:
        answer = subprocess.run([place, *rule.arguments], capture_output=True, text=True, check=False)
    except OSError:  # a broken program is no reason to stop: the build does not need it
        return None
    first_line = answer.stdout.partition("\n")[0].strip()
    return Path(place) if answer.returncode == 0 and first_line == rule.answer else None


def cached(artefact: Artefact) -> Path | None:
    """Return the program built earlier from exactly these pins, or None."""
    place = cache.find("go", key(artefact))
    return place / artefact.name if place else None


def built(artefact: Artefact) -> Path:
    """Return the program built from its pins; the first time this takes seconds to many minutes.

    Raises ProvinceError if the compiler fails, or if the bytes are not those that ``versions.toml`` records.
    """
    place = cache.entry("go", key(artefact), lambda folder: _build_into(folder, artefact))
    _check(artefact, checksum(place / artefact.name))
    return place / artefact.name


def checksum(program: Path) -> str:
    """Return the SHA-256 of a program in the cache, as written down when it was built."""
    return program.with_name(_CHECKSUM).read_text(encoding="ascii").strip()


def key(artefact: Artefact) -> str:
    """Return the key of everything that decides the bytes: source, pins of the source, compiler, flags."""
    files = [artefact.source / "go.mod", artefact.source / "go.sum", *sorted(artefact.source.glob("*.go"))]
    sources = [file for file in files if file.exists() and not file.name.endswith("_test.go")]
    return cache.key_of(
        pins.load().go.version,
        go.host_platform(),
        json.dumps(go.SETTINGS, sort_keys=True),
        json.dumps(arguments(artefact)),
        *(part for file in sources for part in (file.name, file.read_bytes())),
    )


def arguments(artefact: Artefact) -> list[str]:
    """Return what `go build` is told, without where the result goes. Debug tables are left out."""
    linker = ["-s", "-w"]
    for variable, value in sorted(artefact.variables.items()):
        linker += ["-X", shlex.quote(f"{variable}={value}")]
    tags = ["-tags", ",".join(artefact.tags)] if artefact.tags else []
    return [*tags, "-ldflags", " ".join(linker), artefact.package]


def compile_to(target: Path, artefact: Artefact, *, report: Callable[[str], None]) -> None:
    """Run the compiler; `report` gets a line at the start, one every 20 s, and one at the end."""
    compiler = go.locate(pins.load().go.version)
    what = f"toolchain: {artefact.name} {artefact.version}"
    report(f"{what}: building from tools/{artefact.module}")
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        with subprocess.Popen(
            [str(compiler), "build", "-o", str(target), *arguments(artefact)],
            cwd=artefact.source,
            env=go.environment(os.environ, artefact.nosumdb),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process:
            _wait(process, lambda: report(f"{what}: still building, {_clock(time.monotonic() - begin)}"))
        if process.returncode:
            log.seek(0)
            raise _failure(artefact, process.returncode, log.read())
    report(f"{what}: built in {_clock(time.monotonic() - begin)}")


def _build_into(folder: Path, artefact: Artefact) -> None:
    target = folder / artefact.name
    compile_to(target, artefact, report=_to_stderr)
    with target.open("rb") as program:
        actual = hashlib.file_digest(program, "sha256").hexdigest()
    _check(artefact, actual)
    (folder / _CHECKSUM).write_text(f"{actual}\n", encoding="ascii")
    if go.host_platform() not in artefact.sha256:
        _to_stderr(f"toolchain: {artefact.name}: no checksum recorded for {go.host_platform()}; it is {actual}")


def _check(artefact: Artefact, actual: str) -> None:
    expected = artefact.sha256.get(go.host_platform())
    if expected is None or actual == expected:
        return
    raise ProvinceError(
        f"{artefact.name} {artefact.version}: the built program is not the recorded one\n"
        f"  built    {actual}\n"
        f"  recorded {expected} (versions.toml, modules.{artefact.module}.artefacts.{artefact.name}.sha256)",
        hint=f"restore tools/{artefact.module} and versions.toml from git; "
        "after a wanted change of source, compiler or flags record the new figure",
        exit_code=ExitCode.BAD_DATA,
    )


def _wait(process: subprocess.Popen[bytes], tick: Callable[[], None]) -> None:
    """Wait for the compiler, calling `tick` now and then; if we are stopped, it is stopped too."""
    try:
        while True:
            try:
                process.wait(REPORT_EVERY_S)
            except subprocess.TimeoutExpired:
                tick()
            else:
                return
    except BaseException:
        process.terminate()
        raise


def _failure(artefact: Artefact, status: int, output: str) -> ProvinceError:
    last = output.strip().splitlines()[-_LOG_LINES:]
    return ProvinceError(
        "\n".join([f"{artefact.name} {artefact.version}: go build ended with status {status}", *last]),
        hint="a first build fetches Go modules: if one is named above, see what `go env GOPROXY` says; "
        "then start again, what is compiled already is kept",
        exit_code=ExitCode.MACHINE,
    )


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
