"""Releases and changes: the written steps from one to another, each once, and files that do not hold."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from province.cli import app
from province.errors import ExitCode
from province.fleet.findings import BadData
from province.fleet.load import inventories_root, load_fleet
from province.manifest.inventory import groups_of
from province.releases.change import CHANGES, RELEASES, ROLES, Change, HostChange, load_history
from province.releases.changelog import FILE, changelog
from province.releases.upgrade import LIMITED, upgrade

CHECKOUT = inventories_root().parent
PLAYBOOK = "ansible-playbook ansible/playbooks/baseline.yml"


def change(number: int, *steps: str, touches: tuple[str, ...] = ("dns",)) -> Change:
    said = HostChange(title="t", why="w", hosts="h", steps=steps, touches=touches, way_back="b")
    return Change(number, f"{number:04}-t.yml", said, None)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the real releases and changes, to be spoilt."""
    shutil.copytree(CHECKOUT / CHANGES, tmp_path / CHANGES)
    for role in (CHECKOUT / ROLES).iterdir():
        (tmp_path / ROLES / role.name).mkdir(parents=True)
    shutil.copy(CHECKOUT / RELEASES, tmp_path)
    return tmp_path


def problems(checkout: Path) -> str:
    with pytest.raises(BadData) as caught:
        load_history(checkout)
    return str(caught.value)


def test_every_step_stands_once_in_the_order_in_which_it_works() -> None:
    way = upgrade(
        [
            change(
                2,
                "province copies seal",
                f"{PLAYBOOK} --tags dns --check --diff",
                f'{PLAYBOOK} --limit services,gateway -e reason="a"',
                'province apply --reason "a"',
                "ansible-playbook ansible/playbooks/cluster.yml",
                "province verify",
            ),
            change(
                3,
                "province copies seal",
                f'{PLAYBOOK} --limit wave_1 -e reason="b"',
                f'{PLAYBOOK} --limit gateway,bastion -e reason="b"',
                "province signatures tell --yes",
                touches=("dns", "time"),
            ),
        ],
        "1.0.0",
    )
    assert way is not None
    assert list(way.steps) == [
        f"{PLAYBOOK} --tags dns,time --check --diff",
        "province copies seal",
        f'{PLAYBOOK} --limit services,gateway,bastion -e reason="from 1.0.0"',
        'province apply --reason "from 1.0.0"',
        "ansible-playbook ansible/playbooks/cluster.yml",
        "province signatures tell --yes",
        "province verify",
    ]


def test_nothing_is_to_do_where_nothing_changed() -> None:
    assert upgrade([], "1.0.0") is None


def test_the_changelog_is_in_step_and_has_every_change_once() -> None:
    history = load_history(CHECKOUT)
    text = changelog(history)
    assert (CHECKOUT / FILE).read_text(encoding="utf-8") == text, "province release notes --write"
    headings = [line.split()[1] for line in text.splitlines() if line.startswith("### ")]
    assert sorted(headings) == [f"{one.number:04}" for one in history.changes]
    assert text.index("## Next") < text.index(f"## {history.releases[-1].version} ")


def test_hosts_to_which_a_step_is_limited_are_groups_of_the_inventory() -> None:
    groups = {group for host in load_fleet("production").hosts.values() for group in groups_of(host)}
    for one in load_history(CHECKOUT).changes:
        for step in one.said.steps:
            if found := LIMITED.match(step):
                assert set(found["hosts"].split(",")) <= groups, one.file


def test_a_release_is_a_commit_before_this_one() -> None:
    for release in load_history(CHECKOUT).releases:
        words = ["git", "-C", str(CHECKOUT), "merge-base", "--is-ancestor", release.commit, "HEAD"]
        assert subprocess.run(words, check=False).returncode == 0, release.version


def test_this_checkout_says_the_version_of_its_last_release() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == load_history(CHECKOUT).releases[-1].version


def test_the_plan_says_changes_and_steps() -> None:
    told = CliRunner().invoke(app, ["release", "plan", "--from", "0.1.0"])
    assert told.exit_code == 0
    assert "0038  What starts on a host" in told.output
    places = [told.output.index(words) for words in ("--check --diff", "province apply --reason", "province verify")]
    assert places == sorted(places)


def test_what_a_release_has_is_not_done_again() -> None:
    history = load_history(CHECKOUT)
    (release,) = history.releases
    numbers = [one.number for one in history.since(release.version)]
    assert numbers == [one.number for one in history.changes if one.release is None]
    assert release.last_change not in numbers


def test_a_version_that_was_never_released_is_named() -> None:
    with pytest.raises(BadData, match=r'version: no such release \(is 0.1.9\); did you mean "0.1.0"'):
        load_history(CHECKOUT).since("0.1.9")


def test_files_that_do_not_hold_are_all_named(checkout: Path) -> None:
    folder = checkout / CHANGES
    (folder / "0030-again.yml").write_text((folder / "0030-enough-clocks.yml").read_text())
    (folder / "new.yml").write_text((folder / "0030-enough-clocks.yml").read_text())
    spoilt = folder / "0026-updates.yml"
    spoilt.write_text(spoilt.read_text().replace("touches: [", "touches: [dsn, ").replace("way_back:", "wayback:"))
    other = folder / "0027-followed-authorities.yml"
    other.write_text(other.read_text().replace("touches: [", "touches: [dsn, "))
    text = problems(checkout)
    assert "ansible/changes/0026-updates.yml\n  way_back: missing; add this key" in text
    assert 'wayback: unknown key; did you mean "way_back"?' in text
    assert 'touches.0: no such capability of a role (is dsn); did you mean "dns"?' in text
    assert (
        "0030-enough-clocks.yml\n  has the number of ansible/changes/0030-again.yml; take the next free number" in text
    )
    assert "new.yml\n  the name is no number of four digits and words" in text


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"version": "0.1"}, "0.version: "),
        ({"commit": "main"}, "0.commit: "),
        ({"last": 3}, "0.last: unknown key"),
    ],
)
def test_a_release_that_does_not_hold_is_named(checkout: Path, changed: dict[str, object], message: str) -> None:
    (release,) = yaml.safe_load((checkout / RELEASES).read_text())
    (checkout / RELEASES).write_text(yaml.safe_dump([{**release, **changed}]))
    assert f"releases.yml\n  {message}" in problems(checkout)


def test_releases_grow(checkout: Path) -> None:
    (release,) = yaml.safe_load((checkout / RELEASES).read_text())
    (checkout / RELEASES).write_text(yaml.safe_dump([release, {**release, "last_change": 2}]))
    text = problems(checkout)
    assert "1.version: does not follow 0.1.0 (is 0.1.0); put the newest release last" in text
    assert "1.last_change: fewer than before (is 2)" in text


def test_notes_out_of_step_are_drift(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("province.cli.release._checkout", lambda: checkout)
    assert CliRunner().invoke(app, ["release", "notes"]).exit_code == ExitCode.DRIFT
    assert CliRunner().invoke(app, ["release", "notes", "--write"]).exit_code == 0
    assert CliRunner().invoke(app, ["release", "notes"]).exit_code == 0
