"""Nothing is declared in a cluster that is not certainly the one the model means."""

from __future__ import annotations

import base64
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from infra.cluster_access import (
    disagreements_with_cluster,
    disagreements_with_model,
    kubeconfig_path,
    open_cluster,
)
from infra.kubeconfig import Access, read_kubeconfig
from infra.live_cluster import LiveCluster, ask
from infra.recorder import Registration, record
from province.errors import ExitCode, ProvinceError
from province.fleet.cluster_plan import api_addresses
from province.fleet.descriptor import (
    ClusterDescriptor,
    ClusterVersions,
    certificate_sha256,
    descriptor_path,
    read_descriptor,
)
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.site import Site

CA = """\
-----BEGIN CERTIFICATE-----
MIIBgjCCASegAwIBAgIUTNxJiekJ/sw0E8lDVqtrah2YBC8wCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKa3ViZXJuZXRlczAgFw0yNjExMjIxNjE2MTZaGA8yMTI2MTAy
OTE2MTYxNlowFTETMBEGA1UEAwwKa3ViZXJuZXRlczBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABErw6HkKhVyN7a+UEVcXy+2IaWcOXQ67A39kUOJqBE7tRRmL8onC
h6T21XEXYSNcVlPcmaOB6ehlNRAdskdfYrujUzBRMB0GA1UdDgQWBBRhu0OFh6R4
IZ9RDZBlz2mrOTI7GjAfBgNVHSMEGDAWgBRhu0OFh6R4IZ9RDZBlz2mrOTI7GjAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCCcULnydKJ247G0cA4
hIw+6seAF2pA/qWL2TOa155hAQIhAPH5K4YAWxQZVVjVDMA09Bz/I7LAiL3AJZX/
iyOEzU/S
-----END CERTIFICATE-----
"""
"""A certificate of nobody; its key was never kept."""
CA_SHA256 = "0bc0084cc0d9b86b18ac55603d5661c95b000338989c85360a2e823d30a9017e"
UID = "b653e06f-2c6c-4be6-96c7-91eb324bd6eb"
OTHER_UID = "5b8a4082-459f-4e7e-8a19-d8ecc9d2ef18"


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """The lab's fleet in a checkout of its own, where no cluster has been built."""
    return replace(load_fleet("lab"), root=tmp_path / "inventories")


@pytest.fixture
def site(fleet: Fleet) -> Site:
    return fleet.primary_site


@pytest.fixture
def descriptor(fleet: Fleet, site: Site) -> ClusterDescriptor:
    """What Ansible would write for the primary site's cluster."""
    assert site.cluster
    address = api_addresses(fleet, site)[fleet.province.management_zone].plain[0]
    return ClusterDescriptor(
        site=site.id,
        endpoint=f"https://{address}:{site.cluster.api.port}",
        ca_sha256=CA_SHA256,
        kube_system_uid=UID,
        versions=ClusterVersions(kubernetes=site.cluster.kubernetes, containerd="1.7.24"),
    )


def write(fleet: Fleet, descriptor: ClusterDescriptor, site: str) -> Path:
    path = descriptor_path(fleet.root, fleet.environment.id, site)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(descriptor.model_dump(mode="json")), encoding="utf-8")
    return path


def silent(_: str) -> None: ...


def opened(fleet: Fleet, site: Site, *, dry_run: bool, heard: list[str]) -> tuple[Registration, ...]:
    def program() -> None:
        open_cluster(fleet, site, dry_run=dry_run, warn=heard.append)

    return record("a.b.c", program, preview=dry_run)


def test_a_descriptor_that_agrees_has_no_problem(fleet: Fleet, site: Site, descriptor: ClusterDescriptor) -> None:
    live = LiveCluster(UID, CA_SHA256, descriptor.versions.kubernetes)
    assert disagreements_with_model(descriptor, fleet, site) == []
    assert disagreements_with_cluster(descriptor, live) == []


def test_the_descriptor_of_the_other_site_is_refused(fleet: Fleet, descriptor: ClusterDescriptor) -> None:
    other = fleet.data_centres[1]
    write(fleet, descriptor, other.id)
    for dry_run in (False, True):
        with pytest.raises(ProvinceError) as caught:
            open_cluster(fleet, other, dry_run=dry_run, warn=silent)
        assert f"  site: is {descriptor.site}" in caught.value.message
        assert f"endpoint: is {descriptor.endpoint}, the model wants" in caught.value.message
        assert "nothing was changed" in caught.value.hint


def test_another_version_than_the_models_is_refused(fleet: Fleet, site: Site, descriptor: ClusterDescriptor) -> None:
    old = descriptor.model_copy(update={"versions": ClusterVersions(kubernetes="1.30.0", containerd="1")})
    (problem,) = disagreements_with_model(old, fleet, site)
    assert site.cluster
    assert problem == f"versions.kubernetes: is 1.30.0, the model wants {site.cluster.kubernetes}"


@pytest.mark.parametrize(
    ("key", "spoilt"),
    [
        ("kube_system_uid", {"kube_system_uid": OTHER_UID}),
        ("ca_sha256", {"ca_sha256": "0" * 64}),
        ("versions.kubernetes", {"kubernetes": "1.36.2"}),
    ],
)
def test_another_cluster_than_the_descriptors_is_refused(
    descriptor: ClusterDescriptor, key: str, spoilt: dict[str, str]
) -> None:
    live = replace(LiveCluster(UID, CA_SHA256, descriptor.versions.kubernetes), **spoilt)
    (problem,) = disagreements_with_cluster(descriptor, live)
    assert problem.startswith(f"{key}: is ")
    assert problem.endswith(f"the cluster that answers has {next(iter(spoilt.values()))}")


def test_without_a_descriptor_nothing_is_applied(fleet: Fleet, site: Site) -> None:
    with pytest.raises(ProvinceError) as caught:
        open_cluster(fleet, site, dry_run=False, warn=silent)
    assert caught.value.message == f"inventories/lab/descriptors/{site.id}.yml: the cluster has no descriptor"


def test_without_a_descriptor_a_preview_goes_on_offline_and_says_so(fleet: Fleet, site: Site) -> None:
    heard: list[str] = []
    (provider,) = opened(fleet, site, dry_run=True, heard=heard)
    (warning,) = heard
    assert f"inventories/lab/descriptors/{site.id}.yml is missing" in warning
    assert "https://127.0.0.1:9" in provider.inputs["kubeconfig"]


def test_a_descriptor_without_a_kubeconfig_is_refused_even_in_a_preview(
    fleet: Fleet, site: Site, descriptor: ClusterDescriptor
) -> None:
    write(fleet, descriptor, site.id)
    with pytest.raises(ProvinceError, match="no kubeconfig for this cluster"):
        open_cluster(fleet, site, dry_run=True, warn=silent)


def test_the_provider_is_known_by_the_clusters_uid_and_a_path_that_fits_every_checkout(
    fleet: Fleet, site: Site, descriptor: ClusterDescriptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(fleet, descriptor, site.id)
    live = LiveCluster(UID, CA_SHA256, descriptor.versions.kubernetes)
    monkeypatch.setattr("infra.cluster_access.read_kubeconfig", lambda _: Access("https://[::1]", CA))
    monkeypatch.setattr("infra.cluster_access.ask", lambda _: live)
    monkeypatch.setattr("infra.cluster_access.PROGRAM_FOLDER", fleet.root.parent / "infra")
    (provider,) = opened(fleet, site, dry_run=False, heard=[])
    assert provider.inputs["clusterIdentifier"] == UID
    assert provider.inputs["kubeconfig"] == f"../.province/lab/kubeconfigs/{site.id}.yml"
    assert provider.protected


def kubeconfig(fleet: Fleet, site: Site, user: dict[str, str], cluster: dict[str, str] | None = None) -> Path:
    data = base64.b64encode(CA.encode()).decode()
    described = {"server": "https://127.0.0.1:6443", "certificate-authority-data": data}
    path = kubeconfig_path(fleet, site)
    path.parent.mkdir(parents=True)
    body = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": described if cluster is None else cluster}],
        "users": [{"name": "me", "user": user}],
    }
    path.write_text(yaml.safe_dump(body), encoding="utf-8")
    return path


def test_a_kubeconfig_gives_what_is_needed(fleet: Fleet, site: Site) -> None:
    access = read_kubeconfig(kubeconfig(fleet, site, {"token": "t"}))
    assert access == Access("https://127.0.0.1:6443", CA, token="t")  # noqa: S106 - no secret
    assert certificate_sha256(access.ca) == CA_SHA256


@pytest.mark.parametrize(
    ("user", "cluster", "problem"),
    [
        ({}, None, "neither a client certificate with its key nor a token"),
        ({"token": "t"}, {"server": "https://127.0.0.1:1"}, "no certificate-authority-data"),
        ({"token": "t"}, {}, "'server' is missing"),
        ({"client-certificate": "gone.crt"}, None, "No such file"),
    ],
)
def test_a_kubeconfig_that_lacks_something_is_one_clear_error(
    fleet: Fleet, site: Site, user: dict[str, str], cluster: dict[str, str] | None, problem: str
) -> None:
    path = kubeconfig(fleet, site, user, cluster)
    with pytest.raises(ProvinceError) as caught:
        read_kubeconfig(path)
    assert str(path) in caught.value.message
    assert problem in caught.value.message


def test_a_cluster_that_does_not_answer_is_unreachable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        server = f"https://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(ProvinceError) as caught:
            ask(Access(server, CA, token="t"))  # noqa: S106 - no secret
    assert caught.value.exit_code is ExitCode.UNREACHABLE
    assert caught.value.message.startswith(f"{server} does not answer")


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        ("kube_system_uid", "kube_system_uuid", "kube_system_uuid", "unknown key"),
        (":8443", "", "endpoint", "must be https://<address>:<port>"),
        (CA_SHA256, "AA:BB", "ca_sha256", "string should match"),
        ("kubernetes: ", "kubernetes: v", "versions.kubernetes", "string should match"),
    ],
)
def test_a_descriptor_with_an_error_says_where(
    fleet: Fleet, site: Site, descriptor: ClusterDescriptor, old: str, new: str, key: str, problem: str
) -> None:
    path = write(fleet, descriptor, site.id)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadData) as caught:
        read_descriptor(path)
    finding = next(one for one in caught.value.findings if one.key == key)
    assert finding.file == f"inventories/lab/descriptors/{site.id}.yml"
    assert problem in finding.problem
