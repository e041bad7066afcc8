"""`docs/benchmarks.md`, written from the results so that no figure in it can go stale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench.shown.results import CHECKOUT, Results, aims, plain, table
from bench.shown.stacks import stacks_part

__all__ = ["CHECKOUT", "PAGE", "benchmark_page"]

PAGE = "docs/benchmarks.md"
HEAD = """\
# What was measured
<!-- written by `python -m bench.shown` from bench/results/*.json -->

Each benchmark runs all its ways on the same hosts, one after another, after a warm-up. Two cores carry the controller
and every host, so a host's own work is part of the seconds; at a data centre it is not. *Controller* and *host* are
processor time for each host. Results come from the runs that are named; the code may be newer.
"""
NAMES: Mapping[str, str] = {
    "ours": "ours",
    "everything": "ours, everything that a node has",
    "everything_new": "the same, new connections",
    "one_file": "the same, one file changed",
    "tuned": "Ansible's own tasks, tuned",
    "pyinfra": "pyinfra",
    "ssh_kept": "`ssh true`, kept connections",
    "ssh_new": "`ssh true`, new connections",
}
VERIFIED: Mapping[str, str] = {
    "first": "ours, hosts seen for the first time",
    "ours": "ours",
    "stock": "`ssh://` as shipped",
    "tuned": "`ssh://` with control sockets, 8 processes",
    "ssh_kept": "`ssh true`, kept connections",
    "ssh_new": "`ssh true`, new connections",
}
STEPS: Mapping[str, str] = {
    "ssh_kept": "`ssh true`, kept connections",
    "ssh_new": "`ssh true`, new connections",
    "apply": "apply: nothing changed",
    "verify": "verify",
    "report": "report",
}


def benchmark_page(results: Results) -> str:
    """The whole page."""
    figures = {name: result["figures"] for name, result in results.items()}
    parts = [HEAD, *_aims(results)]
    if fleet := figures.get("fleet"):
        parts += _fleet(fleet)
    parts += _apply(figures["apply"])
    parts += _verify(figures["verify"])
    parts += [*_moves(figures["moves"]), *_evidence(figures["evidence"]), *stacks_part(figures)]
    parts += [*_others(figures), *_machines(results)]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _aims(results: Results) -> Iterable[str]:
    yield "## Goals"
    yield (
        "Set before the first run. One that is not met stays here; why is in the decision beside it"
        " ([apply](adr/0006-put-back-unless-confirmed.md), [verify](adr/0019-asked-in-one-round-trip.md),"
        " [evidence](adr/0018-evidence.md))."
    )
    rows = [
        (one.benchmark, one.what, one.asked, plain(one.found), "yes" if one.met else "**no**") for one in aims(results)
    ]
    yield table(("benchmark", "what", "asked", "found", "met"), rows)


def _fleet(fleet: Mapping[str, Any]) -> Iterable[str]:
    yield "## The whole fleet"
    yield (
        f"{fleet['hosts']} hosts, {fleet['edge_nodes']} of them edge nodes, all on one machine: "
        f"{fleet['memory_mib_per_host']} MiB of memory each, {fleet['cores_at_rest']} cores while nobody asks. "
        f"Apply, verify ({fleet['checks_passed'][-1]:,} checks passed) and report take "
        f"{fleet['whole_run_seconds']} s when nothing has changed."
    )
    yield _ways(STEPS, fleet["steps"])


def _apply(apply: Mapping[str, Any]) -> Iterable[str]:
    hosts, files = apply["hosts"], apply["files"]
    yield f"## Applying: {hosts} nodes"
    yield (
        f"Three capabilities as files, packages and units ({files['ours, tuned, pyinfra']} files) by each tool; and "
        f"everything that a node has ({files['everything']} files) by ours."
    )
    for title, group in (("Nothing has changed", "no_change"), ("First application", "first_application")):
        yield f"### {title}"
        yield _ways(NAMES, apply[group])
        yield _chart(f"{title}, seconds", NAMES, apply[group], ("ours", "pyinfra", "tuned"))


def _verify(verify: Mapping[str, Any]) -> Iterable[str]:
    yield f"## Verifying: {verify['checks']:,} checks on {verify['hosts']} nodes"
    yield (
        f"The same tests each way; verdicts that differ: {len(verify['checks_that_differ'])}. "
        f"pytest's own part of ours: {plain(verify['pytest_own_seconds'])} s."
    )
    yield _ways(VERIFIED, verify["ways"])
    yield _chart("Verifying, seconds", VERIFIED, verify["ways"], ("ours", "tuned", "stock"))


def _moves(moves: Mapping[str, Any]) -> Iterable[str]:
    yield f"## Moving a database: {moves['from']} to {moves['to']}"
    ways = ("logical replication", "dump and restore")
    rows = [
        (
            way,
            plain(moves[way]["database_mib"]),
            plain(moves[way]["read_only_seconds"]),
            plain(moves[way]["of_which_moving_seconds"]),
            plain(moves[way]["of_which_comparing_seconds"]),
            f"{moves[way]['writes_acknowledged']:,}",
            str(moves[way]["writes_lost"]),
            str(moves[way]["writes_twice"]),
        )
        for way in ways
    ]
    head = ("way", "MiB", "nobody can write, s", "of it moving", "of it comparing", "writes meanwhile", "lost", "twice")
    yield table(head, rows)


def _evidence(evidence: Mapping[str, Any]) -> Iterable[str]:
    store = evidence["duckdb_parquet"]
    yield f"## A year of evidence: {evidence['hosts']} hosts, {store['checks']:,} checks"
    rows = [
        (question, plain(one["seconds"]), plain(one["cpu_seconds"])) for question, one in store["questions"].items()
    ]
    yield table(("question", "s", "s of processor"), rows)


def _others(figures: Mapping[str, Any]) -> Iterable[str]:
    yield "## Beside these"
    cut, model = figures["paths"]["cut_outage_seconds"], figures["model"]
    country = figures["country"]["courses"]
    rows = [
        ("a line is cut: seconds until traffic goes another way", _spread(cut), "paths"),
        ("`province check` of the whole province, s", _spread(model["check_seconds"]), "model"),
        ("every manifest of 204 nodes made, s", _spread(model["load_validate_render_all_nodes_seconds"]), "model"),
        *(
            (f"{course['nodes']:,} nodes planned, s", _spread(course["stages"]["planning"]["seconds"]), "country")
            for course in country
        ),
    ]
    yield table(("what", "median (least to most)", "benchmark"), rows)


def _machines(results: Results) -> Iterable[str]:
    yield "## Machines"
    rows = [
        (name, str(one["cores"]), plain(one["memory_gib"]), one["kernel"], one["python"])
        for name, one in ((name, result["machine"]) for name, result in results.items())
    ]
    yield table(("benchmark", "cores", "memory, GiB", "kernel", "Python"), rows)


def _spread(figure: Mapping[str, float]) -> str:
    return _range(*(figure[key] for key in ("median", "least", "most")))


def _range(median: float, least: float, most: float) -> str:
    return f"{plain(median)} ({plain(least)} to {plain(most)})"


def _ways(names: Mapping[str, str], ways: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        (
            name,
            _range(*(ways[way][key] for key in ("seconds", "seconds_least", "seconds_most"))),
            plain(ways[way]["controller_cpu_ms_per_host"]),
            plain(ways[way]["host_cpu_ms_per_host"]),
            f"{ways[way]['bytes_to_host'] / 1000:,.1f} / {ways[way]['bytes_from_host'] / 1000:,.1f}",
        )
        for way, name in names.items()
        if way in ways
    ]
    head = ("way", "seconds (least to most)", "controller, ms", "host, ms", "kB to / from a host")
    return table(head, rows)


def _chart(title: str, names: Mapping[str, str], ways: Mapping[str, Mapping[str, float]], chosen: Iterable[str]) -> str:
    shown = [way for way in chosen if way in ways]
    labels = ", ".join(f'"{names[way].replace("`", "")}"' for way in shown)
    bars = ", ".join(str(ways[way]["seconds"]) for way in shown)
    lines = (
        "xychart-beta horizontal",
        f'  title "{title}"',
        f"  x-axis [{labels}]",
        '  y-axis "seconds"',
        f"  bar [{bars}]",
    )
    return "\n".join(("```mermaid", *lines, "```"))
