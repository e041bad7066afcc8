"""The namespace as the core router: BIRD beside the guests, neighbour of every gateway (bird(8), BIRD 2).

It learns from the gateways where the nodes are, and notices within a second that a gateway is gone.
"""

from __future__ import annotations

import itertools
from ipaddress import ip_network
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.lab import processes
from province.lab.commands import enter, run
from province.lab.spec import NeighbourSpec, RouterSpec
from province.lab.state import Place

APART_PRIORITY = 90
"""Of the rules that keep prefixes apart: before every table."""


def folder(place: Place) -> Path:
    """Where the daemon's configuration, log and socket lie."""
    return place.root / "router"


def ensure(place: Place, spec: RouterSpec | None) -> list[str]:
    """Bring the daemon to what is specified; return what was started or changed."""
    if spec is None:
        stop(place)
        return []
    keep_apart(place.netns, spec)
    config = folder(place) / "bird.conf"
    config.parent.mkdir(parents=True, exist_ok=True)
    before = config.read_text(encoding="utf-8") if config.exists() else ""
    wanted = configuration(spec, folder(place) / "bird.log")
    if running(place) and before == wanted:
        return []
    config.write_text(wanted, encoding="utf-8")
    words = command(place)
    if running(place):
        said = control(place, "configure")
        if "Reconfigur" not in said:
            raise ProvinceError(f"{config}: the core router refuses it", hint=said, exit_code=ExitCode.BAD_DATA)
    else:
        run(words)
    return ["bird"]


def command(place: Place) -> list[str]:
    """Return the words that start the daemon, by which it is also found again; it goes to the background itself."""
    own = folder(place)
    return [*enter(place.netns), "bird", "-c", str(own / "bird.conf"), "-s", str(place.runtime / "bird.ctl")]


def control(place: Place, *words: str) -> str:
    """Ask the running daemon (birdc(8)); return its answer."""
    return run(["birdc", "-s", place.runtime / "bird.ctl", *words])


def running(place: Place) -> list[processes.Process]:
    """Return this lab's daemon."""
    config = str(folder(place) / "bird.conf")
    return processes.find(lambda argv: Path(argv[0]).name == "bird" and processes.option(argv, "-c") == config)


def stop(place: Place) -> None:
    """End the daemon; the routes that it had set go with the namespace, or with the next daemon's start."""
    processes.end(process.pid for process in running(place))


def keep_apart(netns: str, spec: RouterSpec) -> None:
    """Refuse to forward between prefixes that must not meet."""
    lines = []
    for prefixes in spec.apart:
        family = f"-{ip_network(prefixes[0]).version}"
        present = run(["ip", "-n", netns, family, "rule", "show", "priority", str(APART_PRIORITY)])
        for one, other in itertools.permutations(prefixes, 2):
            if f"from {one} to {other} " not in present:
                lines.append(f"{family} rule add priority {APART_PRIORITY} from {one} to {other} prohibit")
    for line in lines:
        family, _, rest = line.partition(" ")
        run(["ip", "-n", netns, family, *rest.split()])


def configuration(spec: RouterSpec, log: Path) -> str:
    """Write the daemon's configuration."""
    parts = [
        f'log "{log}" all;',
        f"router id {spec.sources[0]};",
        "debug protocols { states };",
        "protocol device { scan time 30; }",
        *(_family(spec, version) for version in (4, 6)),
        _bfd(spec),
        *(_neighbour(spec, neighbour) for neighbour in spec.neighbours),
    ]
    return "\n".join(parts) + "\n"


def _family(spec: RouterSpec, version: int) -> str:
    own = [prefix for prefix in spec.announces if ip_network(prefix).version == version]
    accepted = [f"{prefix}+" for prefix in spec.accepts if ip_network(prefix).version == version]
    routes = "\n".join(f"    route {prefix} blackhole;" for prefix in own)
    source = spec.sources[0] if version == 4 else spec.sources[1]
    return f"""\
define ACCEPTED{version} = [ {", ".join(accepted)} ];
protocol static own{version} {{
    ipv{version};
{routes}
}}
protocol kernel kernel{version} {{
    ipv{version} {{
        import none;
        export filter {{
            if source != RTS_BGP then reject;
            krt_prefsrc = {source};
            accept;
        }};
    }};
}}"""


def _bfd(spec: RouterSpec) -> str:
    interfaces = "\n".join(
        f'    interface "{name}" {{ interval {spec.echo_ms} ms; multiplier {spec.missed}; }};'
        for name in sorted({neighbour.network for neighbour in spec.neighbours})
    )
    return f"protocol bfd {{\n    accept direct;\n{interfaces}\n}}"


def _neighbour(spec: RouterSpec, neighbour: NeighbourSpec) -> str:
    channels = "\n".join(
        f"    ipv{version} {{ import where net ~ ACCEPTED{version}; export all; next hop self; }};"
        for version in (4, 6)
    )
    return f"""\
protocol bgp '{neighbour.name}' {{
    local {neighbour.local} as {spec.asn};
    neighbor {neighbour.address} as {neighbour.asn};
    interface "{neighbour.network}";
    bfd yes;
    hold time 30;
    keepalive time 10;
    connect delay time 1;
    connect retry time 2;
    error wait time 1, 5;
    error forget time 30;
{channels}
}}"""
