"""The topology as a Mermaid diagram, drawn from the model so that the README cannot go stale."""

from __future__ import annotations

from collections.abc import Iterator

from province.fleet.fleet import Fleet
from province.fleet.site import Site, SitePurpose

BEGIN = "<!-- topology: written by `province diagram --write` from the model -->"
END = "<!-- topology ends -->"

WORDS = {
    "en": {
        "communes": "communes",
        "nodes": "edge nodes",
        "islands": "islands",
        "backbone": "Government backbone",
        "lines": "leased lines",
        "backup": "Internet, cellular, satellite",
        "cluster": "Kubernetes",
        "hosts": "hosts",
    },
    "vi": {
        "communes": "xã, phường, đặc khu",
        "nodes": "nút biên",
        "islands": "đảo",
        "backbone": "Mạng trục Chính phủ",
        "lines": "đường truyền",
        "backup": "Internet, di động, vệ tinh",
        "cluster": "Kubernetes",
        "hosts": "máy chủ",
    },
}


def mermaid(fleet: Fleet, language: str = "en") -> str:
    """The province on one screen: communes, the two networks, the data centres, the rooms that are being left."""
    return "\n".join(["flowchart LR", *(f"  {line}" for line in _lines(fleet, language))])


def with_diagram(text: str, diagram: str) -> str:
    """The document with its diagram replaced; ValueError when it has no place for one."""
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"no place for the diagram: the document lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n```mermaid\n{diagram}\n```\n{END}{after}"


def _lines(fleet: Fleet, language: str) -> Iterator[str]:
    words = WORDS[language]
    islands = sum(commune.location.island for commune in fleet.communes.values())
    units = " + ".join(f"{count} {kind}" for kind, count in fleet.province.units.items())
    yield f'communes["{len(fleet.communes)} {words["communes"]}<br/>{units}<br/>{islands} {words["islands"]}"]'
    for body, facts in fleet.province.bodies.items():
        count = sum(node.body is body for node in fleet.nodes)
        yield f'{body}["{count} {words["nodes"]}<br/>{facts.name.in_language(language)}"]'
        yield f"communes --- {body}"
        yield f'{body} -- "{count} {words["lines"]}" --> tslcd'
        yield f'{body} -. "{words["backup"]}" .-> internet'
    yield 'tslcd(["TSLCD"])'
    yield 'internet(["Internet"])'
    yield f'backbone["{words["backbone"]}"]'
    for site in fleet.data_centres:
        yield from _data_centre(site, language)
    for site in fleet.sites.values():
        if site.purpose is SitePurpose.MIGRATION_SOURCE:
            yield f'{site.id}["{site.name.in_language(language)}"]'
            yield f"{site.id} -. migration .-> {fleet.primary_site.id}"


def _data_centre(site: Site, language: str) -> Iterator[str]:
    words = WORDS[language]
    hosts = sum(group.count for group in site.hosts.values())
    version = f"{words['cluster']} {site.cluster.kubernetes}" if site.cluster else ""
    yield f'{site.id}["{site.name.in_language(language)}<br/>{hosts} {words["hosts"]}, {version}"]'
    yield f"tslcd --> {site.id}"
    yield f"internet -.-> {site.id}"
    for uplink in site.uplinks:
        yield f"{site.id} -- {uplink.route} --- backbone"
