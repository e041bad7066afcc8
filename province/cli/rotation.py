"""`province op rotate` without a step: where a rotation stands, who is behind, what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from province.cli.options import print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.manifest.rotations import Kind, Phase, asks_everybody, behind
from province.ops.actions.action import Scene
from province.ops.actions.remote import ActionTrouble, Remote
from province.ops.actions.rotate import TURNINGS
from province.ops.rotation.standing import Standing
from province.ops.rotation.turning import Step
from province.ops.workplace import Workplace
from province.pki.anchors import fingerprint, parts

NEXT = {Phase.BOTH: Phase.NEW_SIGNS, Phase.NEW_SIGNS: Phase.NEW_ONLY}


@dataclass(frozen=True)
class Seen:
    """What hosts lack: of the step that was taken, and for the next one; and those that could not be asked."""

    left: dict[str, str]
    obstacles: dict[str, str]
    lost: dict[str, str]


def tell(fleet: Fleet, kind: Kind, remote: Remote, *, as_json: bool) -> None:
    """Print where a rotation stands; exit 5 while somebody is behind, 4 while a host cannot be asked."""
    standing = Standing.of(fleet, kind)
    following = Phase.BOTH if standing.is_over else NEXT.get(standing.phase, Phase.BOTH)
    seen = _look(fleet, standing, following, remote) if standing.row else Seen({}, {}, {})
    if as_json:
        print_json(
            {
                "what": kind,
                "phase": None if standing.is_over else standing.phase,
                "accepted": [fingerprint(one) for one in standing.held],
                "next": following,
                "left": seen.left,
                "behind": seen.obstacles,
                "lost": seen.lost,
            }
        )
    else:
        _print(standing, following, seen)
    if seen.lost:
        raise typer.Exit(int(ExitCode.UNREACHABLE))
    if seen.left or seen.obstacles:
        raise typer.Exit(int(ExitCode.DRIFT))


def new_anchor(kind: Kind, path: Path) -> str:
    """The public half of a new authority out of a file; ProvinceError when it is none, or no single one."""
    try:
        one, *others = parts(path.read_text(encoding="utf-8")) or ("",)
        if others:
            raise ValueError(f"holds {1 + len(others)} authorities")
        TURNINGS[kind]().check_new(one)
    except (OSError, ValueError) as error:
        raise ProvinceError(
            f"{path}: {error}", hint=f"one public half as in trust/{kind.file}", exit_code=ExitCode.BAD_DATA
        ) from None
    return one


def _look(fleet: Fleet, standing: Standing, following: Phase, remote: Remote) -> Seen:
    turning = TURNINGS[standing.kind]()
    scene = Scene(fleet, remote, Workplace.of(fleet).private / "runs" / "none")
    hosts = tuple(fleet.hosts.values())
    step = Step(standing.row, standing.phase, standing.phase)
    left, obstacles, lost = {}, {}, {}
    for host, report in zip(hosts, turning.survey(scene, hosts, step).values(), strict=True):
        if isinstance(report, str):
            lost[host.name] = report
            continue
        try:
            if text := turning.pending(scene, host, step):
                left[host.name] = text
        except (ConnectionError, ActionTrouble) as error:
            lost[host.name] = str(error)
            continue
        assert standing.row is not None  # noqa: S101 - nobody is asked before the first rotation
        if standing.is_over or not asks_everybody(standing.phase, following):
            continue
        if found := behind(standing.row, standing.phase, following, report):
            obstacles[host.name] = "; ".join(found)
    return Seen(left, obstacles, lost)


def _print(standing: Standing, following: Phase, seen: Seen) -> None:
    row = standing.row
    if row is None:
        typer.echo(f"{standing.kind} was never rotated; it is {fingerprint(standing.held[0])}")
    else:
        state = f"ended {row.ended:%Y-%m-%d} at {standing.phase}" if row.ended else f"stands at {standing.phase}"
        typer.echo(f"{standing.kind} {state}; begun {row.since:%Y-%m-%d} by {row.who}: {row.reason}")
        for name, word in row.named.items():
            accepted = [fingerprint(one) for one in standing.held]
            told = "signs" if name == accepted[0] else "accepted" if name in accepted else "let go"
            typer.echo(f"  {word}  {name}  {told}")
    for title, hosts in (("has yet to", seen.left), ("keeps the next step back:", seen.obstacles)):
        for host, why in hosts.items():
            typer.echo(f"  {host:<28} {title} {why}")
    for host, why in seen.lost.items():
        typer.echo(f"  {host:<28} cannot be asked: {(why.strip().splitlines() or ['no reason'])[-1]}")
    again = f"; first the same step again for {len(seen.left)} hosts" if seen.left else ""
    typer.echo(f"next: province op rotate {standing.kind} --phase {following}{again}")
