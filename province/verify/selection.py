"""Which hosts a run is about, in the words that people use for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from province.errors import ExitCode, ProvinceError
from province.fleet.findings import nearest
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host


def select_hosts(fleet: Fleet, words: Iterable[str]) -> tuple[Host, ...]:
    """The hosts of this environment that any of the words means, in the model's order; no word means all.

    A word is a host's name, a class of hosts, a site, a commune (code, short name or slug), a body, or `wave:3`.
    Several words may stand in one, with commas between. ProvinceError when a word means nothing, or when nothing
    is left: a run over no host proves nothing and must never look like success.
    """
    wanted = [word.strip() for entry in words for word in entry.split(",") if word.strip()]
    hosts = fleet.hosts
    if not wanted:
        return _not_empty(tuple(hosts.values()), "the environment has no hosts")
    meanings = {name: _words(fleet, host) for name, host in hosts.items()}
    known = frozenset().union(*meanings.values())
    for word in wanted:
        if word not in known:
            raise _means_nothing(fleet, word, known)
    chosen = tuple(host for name, host in hosts.items() if meanings[name] & set(wanted))
    return _not_empty(chosen, "no host was selected")


def _words(fleet: Fleet, host: Host) -> frozenset[str]:
    own = {host.name, host.host_class, host.site, host.body and str(host.body)}
    own |= {f"wave:{host.wave}"} if host.wave else set()
    if host.commune:
        commune = fleet.communes[host.commune]
        own |= {commune.code, commune.short, commune.slug}
    return frozenset(word for word in own if word)


def _means_nothing(fleet: Fleet, word: str, known: Iterable[str]) -> ProvinceError:
    elsewhere = {node.name for node in fleet.nodes} | set(fleet.sites)
    if word in elsewhere:
        problem = f"{word!r} is in the model, but environment {fleet.environment.id!r} does not run it"
        hint = f"its hosts: {', '.join(sorted(fleet.hosts))}"
    else:
        guess = nearest(word, known)
        problem = f"{word!r} means no host of environment {fleet.environment.id!r}"
        hint = f"did you mean {guess!r}?" if guess else "use a host, class, site, commune, body or wave:N"
    return ProvinceError(problem, hint=hint, exit_code=ExitCode.NOTHING_SELECTED)


def _not_empty(hosts: tuple[Host, ...], problem: str) -> tuple[Host, ...]:
    if not hosts:
        raise ProvinceError(
            problem,
            hint="a run over no host proves nothing: see `communes` and `sites` in environment.yml",
            exit_code=ExitCode.NOTHING_SELECTED,
        )
    return hosts


def by_class(hosts: Iterable[Host]) -> Mapping[str, int]:
    """How many hosts of each class, for the line that says what a run is about."""
    counts: dict[str, int] = {}
    for host in hosts:
        counts[host.host_class] = counts.get(host.host_class, 0) + 1
    return counts
