"""Running a stack: counts are Pulumi's own, and what a person must mend is said."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from province.errors import ExitCode, ProvinceError
from province.ops import stacks
from province.ops.workplace import Workplace

STACK = "production.north.systems"
REASON = "OPS-114"
UID = "b653e06f-2c6c-4be6-96c7-91eb324bd6eb"
OTHER_UID = "5b8a4082-459f-4e7e-8a19-d8ecc9d2ef18"

UNCHANGED = """\
Updating (production.north.systems):
    pulumi:pulumi:Stack province-production.north.systems
Resources:
    240 unchanged

Duration: 10s
"""
CHANGED = """\
Resources:
    + 2 to create

Updating:
Resources:
    + 1 created
    ~ 2 updated
    +-1 replaced
    4 changes. 237 unchanged

Duration: 10s
"""
LOCKED = """\
error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock
  file:///state/locks/one.json: created by root@host (pid 7)
"""
WRONG_PHRASE = "error: getting secrets manager: passphrase must be set: incorrect passphrase\n"
SILENT = """\
  pulumi:pulumi:Stack (province-production.north.systems):
    error: https://192.0.2.1:6443 does not answer: timed out
"""


@pytest.fixture
def descriptor(tmp_path: Path) -> Path:
    path = tmp_path / "north.yml"
    path.write_text(
        f"site: north\nendpoint: https://192.0.2.1:6443\nca_sha256: {'a' * 64}\nkube_system_uid: {UID}\n"
        "versions: {kubernetes: 1.36.3, containerd: 1.7.24}\n",
        encoding="utf-8",
    )
    return path


class Pulumi:
    """A program of that name on the PATH: it notes how it was called and says what it was told to say."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.work = Workplace(folder, "production")
        program = folder / "bin" / "pulumi"
        program.parent.mkdir()
        program.write_text(
            "#!/bin/sh\n"
            f'echo "$*" >> {folder}/calls\n'
            f'if [ "$2" = export ]; then cat {folder}/state; exit; fi\n'
            f'if [ "$1" = preview ]; then cat {folder}/plan; exit $(cat {folder}/plan-code); fi\n'
            f'if [ "$2" = select ]; then exit; fi\n'
            f"cat {folder}/says; exit $(cat {folder}/code)\n",
            encoding="utf-8",
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        self.answers("", 0)
        self.remembers(None)
        self.plans()

    def answers(self, text: str, code: int) -> None:
        (self.folder / "says").write_text(text, encoding="utf-8")
        (self.folder / "code").write_text(str(code), encoding="utf-8")

    def remembers(self, uid: str | None) -> None:
        provider = {"type": "pulumi:providers:kubernetes", "inputs": {"clusterIdentifier": uid}}
        state = {"deployment": {"resources": [{"type": "pulumi:pulumi:Stack"}, *([provider] if uid else [])]}}
        (self.folder / "state").write_text(json.dumps(state if uid else {"deployment": None}), encoding="utf-8")

    def plans(self, *steps: tuple[str, str], code: int = 0) -> None:
        (self.folder / "plan-code").write_text(str(code), encoding="utf-8")
        listed = [{"op": op, "urn": f"urn:pulumi:{STACK}::province::{token}::one"} for op, token in steps]
        (self.folder / "plan").write_text(json.dumps({"steps": listed, "changeSummary": {"same": 7}}), encoding="utf-8")

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pulumi:
    return Pulumi(tmp_path, monkeypatch)


def test_a_run_that_changed_nothing_says_so(pulumi: Pulumi, descriptor: Path) -> None:
    pulumi.answers(UNCHANGED, 0)
    run = stacks.up(pulumi.work, STACK, descriptor, REASON)
    assert (run.counts, run.changed, run.line) == ({"unchanged": 240}, False, "240 unchanged")


def test_the_counts_are_those_of_the_last_summary(pulumi: Pulumi, descriptor: Path) -> None:
    pulumi.answers(CHANGED, 0)
    run = stacks.up(pulumi.work, STACK, descriptor, REASON)
    assert run.counts == {"created": 1, "updated": 2, "replaced": 1, "unchanged": 237}
    assert run.changed


def test_colours_do_not_hide_counts() -> None:
    assert stacks.counts("\x1b[1mResources:\x1b[0m\n    \x1b[32m+ 3 created\x1b[0m\n") == {"created": 3}


def test_up_makes_the_stack_if_need_be_and_repairs_what_was_changed_by_hand(pulumi: Pulumi, descriptor: Path) -> None:
    stacks.up(pulumi.work, STACK, descriptor, REASON)
    first, *_, last = pulumi.calls
    assert first.startswith("stack select --create ")
    assert last.startswith("up ")
    assert {"--refresh", "--run-program", "--stack"} <= set(last.split())
    assert f"--message {REASON}" in last


@pytest.mark.parametrize("verb", ["preview", "drift"])
def test_looking_touches_nothing(pulumi: Pulumi, descriptor: Path, verb: str) -> None:
    if verb == "preview":
        stacks.preview(pulumi.work, STACK)
    else:
        stacks.drift(pulumi.work, STACK, descriptor)
    last = pulumi.calls[-1].split()
    assert last[0] == "preview" or "--preview-only" in last


def test_the_stack_of_another_cluster_is_refused_before_anything_runs(pulumi: Pulumi, descriptor: Path) -> None:
    pulumi.remembers(OTHER_UID)
    verbs: tuple[Callable[[], object], ...] = (
        lambda: stacks.up(pulumi.work, STACK, descriptor, REASON),
        lambda: stacks.drift(pulumi.work, STACK, descriptor),
        lambda: stacks.destroy(pulumi.work, STACK, descriptor, REASON, dry_run=False),
    )
    for verb in verbs:
        with pytest.raises(ProvinceError) as caught:
            verb()
        assert OTHER_UID in caught.value.message
        assert f"pulumi stack rm --force --preserve-config --stack {STACK}" in caught.value.hint
    assert not [call for call in pulumi.calls if call.startswith(("up", "refresh", "destroy"))]


def test_the_stack_of_the_same_cluster_goes_on(pulumi: Pulumi, descriptor: Path) -> None:
    pulumi.remembers(UID)
    stacks.up(pulumi.work, STACK, descriptor, REASON)
    assert [call.split()[0] for call in pulumi.calls[-2:]] == ["preview", "up"]


def test_a_plan_that_would_destroy_what_cannot_be_made_again_is_never_carried_out(
    pulumi: Pulumi, descriptor: Path
) -> None:
    pulumi.remembers(UID)
    pulumi.plans(("update", "kubernetes:apps/v1:Deployment"), ("replace", "kubernetes:core/v1:Namespace"))
    with pytest.raises(ProvinceError, match="namespace one: replace"):
        stacks.up(pulumi.work, STACK, descriptor, REASON)
    assert not [call for call in pulumi.calls if call.startswith("up")]


def test_what_pulumi_itself_stops_at_is_refused_in_our_words(pulumi: Pulumi, descriptor: Path) -> None:
    """A protected resource: the engine fails, and its advice is to take the protection off."""
    pulumi.remembers(UID)
    pulumi.plans(("delete", "kubernetes:core/v1:Namespace"), code=255)
    with pytest.raises(ProvinceError, match="everything inside it goes with it"):
        stacks.up(pulumi.work, STACK, descriptor, REASON)
    assert not [call for call in pulumi.calls if call.startswith("up ")]


def test_a_preview_that_fails_for_another_reason_is_no_plan(pulumi: Pulumi, descriptor: Path) -> None:
    pulumi.remembers(UID)
    pulumi.plans(("update", "kubernetes:core/v1:Namespace"), code=1)
    with pytest.raises(ProvinceError, match="ended with exit code 1"):
        stacks.up(pulumi.work, STACK, descriptor, REASON)
    assert not [call for call in pulumi.calls if call.startswith("up ")]


def test_what_somebody_deleted_or_changed_by_hand_is_only_mended(pulumi: Pulumi, descriptor: Path) -> None:
    """What the refresh before a plan finds gone or changed is no deletion and no change of ours."""
    pulumi.remembers(UID)
    namespace, quota, replaced = (f"kubernetes:core/v1:{kind}" for kind in ("Namespace", "ResourceQuota", "Service"))
    looked = [("refresh", replaced), ("delete", namespace), ("update", quota)]
    ours = [("create", namespace), ("update", quota), ("create-replacement", replaced), ("replace", replaced)]
    pulumi.plans(*looked, *ours)
    found = stacks.preview(pulumi.work, STACK).preview["steps"]
    assert [(step["op"], step["urn"].split("::")[2]) for step in found] == ours
    stacks.up(pulumi.work, STACK, descriptor, REASON)
    assert pulumi.calls[-1].startswith("up ")


@pytest.mark.parametrize(
    ("printed", "message", "hint", "code"),
    [
        (LOCKED, f"stack {STACK} is locked", "province dc unlock north systems -e production", ExitCode.FAILED),
        (WRONG_PHRASE, "the passphrase does not open its secrets", "PULUMI_CONFIG_PASSPHRASE_FILE", ExitCode.MACHINE),
        (SILENT, "does not answer: timed out", "everything it printed", ExitCode.UNREACHABLE),
        ("error: something else", "exit code 1", "everything it printed", ExitCode.FAILED),
    ],
)
def test_a_failure_says_what_to_do(
    pulumi: Pulumi, descriptor: Path, printed: str, message: str, hint: str, code: ExitCode
) -> None:
    pulumi.answers(printed, 1)
    with pytest.raises(ProvinceError) as caught:
        stacks.up(pulumi.work, STACK, descriptor, REASON)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.exit_code is code


def test_a_forgotten_stack_takes_nothing_from_any_cluster(pulumi: Pulumi) -> None:
    stacks.forget(pulumi.work, STACK)
    assert pulumi.calls == [f"stack rm --yes --force --preserve-config --stack {STACK}"]
