"""What holds of every stack, whatever its layer declares."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from infra import quantity
from infra.objects import Kind
from infra.policy.ground import ground_of
from infra.policy.rules import violations

from .conftest import Synth

MOST_IN_A_STACK = 300
"""Creation grows faster than linearly with the size of a stack, and a diff of more is not read."""


def test_every_object_names_its_version_and_where_it_is_declared(synth: Synth) -> None:
    versions = {kind.kind: kind.api_version for kind in Kind}
    folder = synth.fleet.root.name
    for one in synth.objects:
        assert one.body["apiVersion"] == versions[one.kind]
        assert one.labels["app.kubernetes.io/managed-by"] == "pulumi"
        declared_in = one.body["metadata"]["annotations"][synth.words.key("declared-in")]
        assert (synth.fleet.root.parent / declared_in).is_file()
        assert declared_in.startswith(f"{folder}/")


def test_label_values_fit_what_kubernetes_allows(synth: Synth) -> None:
    for one in synth.objects:
        for name, value in one.labels.items():
            assert len(value) <= 63, (str(one), name)
            assert len(name.rpartition("/")[2]) <= 63


def test_every_name_is_given_and_stands_once(synth: Synth) -> None:
    in_pulumi = Counter((one.type, one.name) for one in synth.registrations)
    in_cluster = Counter((one.kind, one.namespace, one.name) for one in synth.objects)
    assert all(one.name for one in synth.objects)
    assert [*in_pulumi.values(), *in_cluster.values()] == [1] * (len(in_pulumi) + len(in_cluster))


def test_everything_stands_in_the_one_protected_cluster(synth: Synth) -> None:
    (provider,) = [one for one in synth.registrations if one.type == "pulumi:providers:kubernetes"]
    assert provider.name == f"cluster/{synth.site.id}"
    assert provider.protected
    assert provider.inputs["clusterIdentifier"]
    assert provider.inputs["enableServerSideApply"] == "true"
    assert provider.inputs["enableConfigMapMutable"] == "true"
    assert provider.inputs["enableSecretMutable"] == "true"
    assert provider.inputs["deleteUnreachable"] == "false"
    for one in synth.registrations:
        if one.is_object:
            assert f"::{provider.name}::" in one.provider, one.name


def test_only_what_cannot_be_made_again_outlives_its_declaration(synth: Synth) -> None:
    """Everything else can be taken out: protection is said for each object, because children get their parent's.

    With a namespace stays what shuts its doors, which is not protected by itself.
    """
    kept = {Kind.NAMESPACE.token, Kind.DATABASE.token, Kind.DEFINITION.token, Kind.CLAIM.token}
    for one in synth.registrations:
        if one.is_object:
            shuts = one.name.endswith("/NetworkPolicy/default-deny")
            assert (one.protected, one.retained) == (one.type in kept, one.type in kept or shuts), one.name


def test_waiting_is_bounded(synth: Synth) -> None:
    assert {one.create_within for one in synth.registrations if one.is_object} == {"3m"}


def test_a_stack_stays_small(synth: Synth) -> None:
    assert len(synth.registrations) <= MOST_IN_A_STACK


def test_no_rule_is_broken(synth: Synth) -> None:
    assert not [str(one) for one in violations(synth.objects, ground_of(synth.fleet), datetime.now(UTC).date())]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (quantity.cpu(4000), "4"),
        (quantity.cpu(250), "250m"),
        (quantity.cpu(1500), "1500m"),
        (quantity.memory(128), "128Mi"),
        (quantity.memory(8192), "8Gi"),
        (quantity.memory(1024 * 1024), "1Ti"),
        (quantity.memory(1000 * 1024), "1000Gi"),
    ],
)
def test_quantities_are_written_as_the_api_server_writes_them(written: str, expected: str) -> None:
    """Its own form drops what divides (`8192Mi` comes back as `8Gi`), and a test of the live cluster would differ."""
    assert written == expected
