"""A host's manifest, built from its view of the model, the capabilities that apply to it, and their templates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from province.errors import ProvinceError
from province.fleet.findings import BadData, Finding
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.capability import Capability, FileSpec, KeySpec, ListenSpec, Need, SendSpec, UnitSpec, UserSpec
from province.manifest.contradictions import claimed_twice, refuse_contradictions, shown
from province.manifest.manifest import Group, Key, Listen, ManagedFile, Manifest, Part, Send, Sysctl, Unit, User
from province.manifest.peers import AT_SITES, peers_of
from province.manifest.prefixes import Prefixes
from province.manifest.render import TEMPLATES, renderer
from province.manifest.roles import ROLES, by_name, load_capabilities
from province.manifest.source_line import line_with
from province.manifest.trust import Trust
from province.manifest.view import host_view

Variables = Mapping[str, object]
Repeatable = FileSpec | KeySpec | UnitSpec | UserSpec | ListenSpec | SendSpec


class Builder:
    """Builds the manifests of one fleet; what its hosts share is worked out once."""

    def __init__(self, fleet: Fleet, trust: Trust, *, roles: Path = ROLES, templates: Path = TEMPLATES) -> None:
        self.fleet = fleet
        self.trust = trust
        self.capabilities = load_capabilities(roles)
        self._roles = roles
        self._renderer = renderer(templates)
        self._peers = peers_of(fleet)

    def build(self, host: Host, only: Collection[str] = ()) -> Manifest:
        """The manifest of a host, or the part of it that some capabilities make.

        Raises BadData when capabilities contradict each other or a template does not fit the host, and ProvinceError
        for a capability that does not exist.
        """
        waiting = self.waiting(host)
        applying = (one for one in self.capabilities if one.applies(host))
        chosen = [one.until_enrolled if one.capability in waiting else one for one in applying]
        view = host_view(self.fleet, host, self.trust)
        refuse_contradictions(chosen, host)
        listens = tuple(self._listens(chosen, host, view))
        sends = tuple(self._sends(chosen, host, view))
        sysctls = self._sysctls(chosen, host, view)
        variables = {**view, **self._through(host), "listens": listens, "sends": sends, "sysctls": sysctls}
        if only:
            wanted = {by_name(self.capabilities, name).capability for name in only}
            chosen = [one for one in chosen if one.capability in wanted]
            sysctls = self._sysctls(chosen, host, view)
        files = self._files(chosen, host, variables)
        keys = self._keys(chosen, host, variables, files)
        packages = {one.role: tuple(self._packages(one, host, view)) for one in chosen}
        users = {one.role: tuple(self._users(one, host, view)) for one in chosen}
        units = {one.role: self._units(one, host, view) for one in chosen}
        parts = tuple(
            Part(
                capability=one.capability,
                role=one.role,
                order=one.order,
                guarded=one.guarded,
                packages=packages[one.role],
                files=tuple(path for path, file in files.items() if file.capability == one.capability),
                keys=tuple(self._keys([one], host, variables, {})),
                absent=one.absent,
                users=tuple(user.name for user in users[one.role]),
                groups=tuple(one.groups),
                sysctls=tuple(one.sysctls),
                units=tuple(units[one.role]),
                health=one.health,
                keeps=one.keeps,
            )
            for one in chosen
        )
        return Manifest(
            host=host.name,
            parts=parts,
            waiting={name: needs for name, needs in waiting.items() if not only or name in only},
            packages=tuple(dict.fromkeys(name for names in packages.values() for name in names)),
            files=files,
            keys=keys,
            absent=tuple(dict.fromkeys(path for one in chosen for path in one.absent)),
            users=tuple(user for one in chosen for user in users[one.role]),
            groups=tuple(Group(name, group.gid) for one in chosen for name, group in one.groups.items()),
            sysctls=sysctls,
            units={name: unit for one in chosen for name, unit in units[one.role].items()},
            listens=listens,
            sends=sends,
            health=tuple(dict.fromkeys(line for one in chosen for line in one.health)),
        )

    def _through(self, host: Host) -> dict[str, object]:
        """What a gateway lets through for the nodes behind it.

        `node_sends`: what their own capabilities ask of the sites. `node_listens`: their doors that sites may come to.
        """
        nodes = self._peers.node_of_each_domain if host.host_class == "gateway" else ()
        sends: dict[Send, None] = {}
        listens: dict[Listen, None] = {}
        for node in nodes:
            chosen = [one for one in self.capabilities if one.applies(node)]
            view = host_view(self.fleet, node, self.trust)
            sends |= dict.fromkeys(one for one in self._sends(chosen, node, view) if set(one.to) <= AT_SITES)
            listens |= dict.fromkeys(one for one in self._listens(chosen, node, view) if set(one.source) <= AT_SITES)
        return {"node_sends": list(sends), "node_listens": list(listens)}

    def keys(self, host: Host) -> dict[str, Key]:
        """The private keys that a host makes for itself, by path."""
        chosen = [one for one in self.capabilities if one.applies(host) and one.keys]
        return self._keys(chosen, host, host_view(self.fleet, host, self.trust), {})

    def waiting(self, host: Host) -> dict[str, tuple[Need, ...]]:
        """Capabilities of which a host has only the keys yet, with what has to be enrolled first."""
        enrolled = self.trust.enrolled
        there: dict[Need, bool] = {"certificate": host.name in enrolled.certificates}
        missing = {
            one.capability: tuple(need for need in one.needs if not there[need])
            for one in self.capabilities
            if one.applies(host)
        }
        return {name: needs for name, needs in missing.items() if needs}

    def _packages(self, one: Capability, host: Host, view: Variables) -> Iterator[str]:
        return (spec.name for spec in one.packages if self._holds(spec.when, one, host, view))

    def _listens(self, chosen: Iterable[Capability], host: Host, view: Variables) -> Iterator[Listen]:
        for one in chosen:
            for spec in one.listens:
                for port, source in self._ports(spec, spec.source, one, host, view):
                    found = self._found(source, "listens.from", one, host)
                    process = self._text(spec.process, one, host, view)
                    yield Listen(port, spec.protocol, source, process, one.capability, found.ipv4, found.ipv6)

    def _sends(self, chosen: Iterable[Capability], host: Host, view: Variables) -> Iterator[Send]:
        for one in chosen:
            for spec in one.sends:
                for port, to in self._ports(spec, spec.to, one, host, view):
                    found = self._found(to, "sends.to", one, host)
                    yield Send(port, spec.protocol, to, one.capability, found.ipv4, found.ipv6)

    def _found(self, names: tuple[str, ...], key: str, one: Capability, host: Host) -> Prefixes:
        """Who is meant by names of peers; a zone that the host does not have is a mistake of the role."""
        try:
            return self._peers.resolve(names, host)
        except ProvinceError as error:
            line = line_with(self._roles / one.role / "manifest.yml", names)
            raise BadData([Finding(shown(one), key, ", ".join(names), error.message, error.hint, line)]) from error

    def _ports(
        self, spec: ListenSpec | SendSpec, peers: tuple[str, ...], one: Capability, host: Host, view: Variables
    ) -> list[tuple[int, tuple[str, ...]]]:
        """The ports of a door or a way out and who is there, each once; none where it does not apply."""
        if not self._holds(spec.when, one, host, view):
            return []
        found = (
            (int(self._text(str(spec.port), one, host, own)), tuple(self._text(peer, one, host, own) for peer in peers))
            for own in _each(spec, view)
        )
        return list(dict.fromkeys(found))

    def _sysctls(self, chosen: Iterable[Capability], host: Host, view: Variables) -> dict[str, Sysctl]:
        shared = self.fleet.environment.platform.shared_sysctls
        return {
            key: Sysctl(self._text(value, one, host, view), live=not key.startswith(shared))
            for one in chosen
            for key, value in one.sysctls.items()
        }

    def _units(self, one: Capability, host: Host, view: Variables) -> dict[str, Unit]:
        return {
            self._text(pattern, one, host, own): self._unit(spec, one, host, own)
            for pattern, spec in one.units.items()
            if self._holds(spec.when, one, host, view)
            for own in _each(spec, view)
        }

    def _unit(self, spec: UnitSpec, one: Capability, host: Host, variables: Variables) -> Unit:
        def texts(patterns: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(self._text(pattern, one, host, variables) for pattern in patterns)

        probe = None if spec.probe is None else self._text(spec.probe, one, host, variables)
        return Unit(spec.state, spec.enabled, texts(spec.restart_on), texts(spec.reload_on), probe)

    def _users(self, one: Capability, host: Host, view: Variables) -> Iterator[User]:
        for pattern, spec in one.users.items():
            for variables in _each(spec, view):
                yield self._user(pattern, spec, one, host, variables)

    def _user(self, pattern: str, spec: UserSpec, one: Capability, host: Host, variables: Variables) -> User:
        def text(value: str | None) -> str | None:
            return None if value is None else self._text(value, one, host, variables)

        uid = text(spec.uid)
        return User(
            name=self._text(pattern, one, host, variables),
            uid=None if uid is None else int(uid),
            comment=text(spec.comment),
            home=text(spec.home),
            shell=spec.shell,
            groups=spec.groups,
            locked=spec.locked,
        )

    def _files(self, chosen: Iterable[Capability], host: Host, variables: Variables) -> dict[str, ManagedFile]:
        found: dict[str, ManagedFile] = {}
        for one in chosen:
            for pattern, spec in one.files.items():
                if not self._holds(spec.when, one, host, variables):
                    continue
                for own in _each(spec, variables):
                    path = self._text(pattern, one, host, own)
                    if path in found:
                        raise BadData(
                            [claimed_twice(one, f"files.{path}", f"{found[path].capability} too claims this file")]
                        )
                    found[path] = self._file(spec, one, host, own)
        return found

    def _file(self, spec: FileSpec, one: Capability, host: Host, variables: Variables) -> ManagedFile:
        header = _header(spec.template, one, host, variables)
        content = self._renderer.file(spec.template, {**variables, "header": header}, host.name)
        if spec.header and not content.startswith(header):
            problem = f"templates/{spec.template} does not begin with its header"
            raise BadData([Finding(shown(one), "files", "", problem, 'write {{ header }} there, or "header: false"')])
        return ManagedFile(
            content=content,
            owner=spec.owner,
            group=spec.group,
            mode=spec.mode,
            check=spec.check,
            secret=spec.secret,
            template=spec.template,
            capability=one.capability,
        )

    def _keys(
        self, chosen: Iterable[Capability], host: Host, variables: Variables, files: Mapping[str, ManagedFile]
    ) -> dict[str, Key]:
        found: dict[str, Key] = {}
        taken = {path: file.capability for path, file in files.items()}
        for one in chosen:
            for pattern, spec in one.keys.items():
                if not self._holds(spec.when, one, host, variables):
                    continue
                for own in _each(spec, variables):
                    path, key = self._text(pattern, one, host, own), self._key(spec, one, host, own)
                    for place in (path, key.public(path)):
                        if (other := taken.setdefault(place, one.capability)) != one.capability or place in files:
                            raise BadData([claimed_twice(one, f"keys.{path}", f"{other} too claims {place}")])
                    found[path] = key
        return found

    def _key(self, spec: KeySpec, one: Capability, host: Host, variables: Variables) -> Key:
        names = tuple(name for source in spec.names if (name := self._text(source, one, host, variables)))
        recipient = self._text(spec.recipient, one, host, variables) if spec.recipient else ""
        return Key(spec.kind, spec.owner, spec.group, spec.mode, host.fqdn, names, recipient)

    def _holds(self, expression: str | None, one: Capability, host: Host, variables: Variables) -> bool:
        return self._renderer.holds(expression, variables, shown(one), host.name)

    def _text(self, source: str, one: Capability, host: Host, variables: Variables) -> str:
        return self._renderer.text(source, variables, shown(one), host.name)


def build(fleet: Fleet, host: Host, trust: Trust) -> Manifest:
    """The manifest of one host; for many hosts, a `Builder` shares the work."""
    return Builder(fleet, trust).build(host)


def packages(fleet: Fleet, trust: Trust) -> tuple[str, ...]:
    """Every package that some host of the environment needs, sorted: what its mirror has to offer."""
    builder = Builder(fleet, trust)
    return tuple(sorted({name for host in fleet.hosts.values() for name in builder.build(host).packages}))


def _each(spec: Repeatable, variables: Variables) -> Iterator[Variables]:
    if spec.each is None:
        yield variables
        return
    items = variables[spec.each]
    assert isinstance(items, list), spec.each  # noqa: S101 - the view's own type
    for item in items:
        yield {**variables, "item": item}


def _header(template: str, one: Capability, host: Host, variables: Variables) -> str:
    """The first lines of a rendered file: what made it, from which fact, and how to change it."""
    return (
        f"# Made by province for {host.name} from templates/{template}\n"
        f"# and the facts of {variables['host_facts_file']}. Do not edit it here: change those, then run\n"
        f"#   ansible-playbook -i inventories/{variables['environment_id']} ansible/playbooks/baseline.yml"
        f" --limit {host.name} --tags {one.capability}"
    )
