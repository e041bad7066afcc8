"""Every declared object is one that the API server takes: by its own schemas, and by its own judgement."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Iterable

import pytest

from infra.cluster_access import kubeconfig_path
from infra.policy.record import Declared
from province.fleet.layer import LAYERS
from province.fleet.load import load_fleet
from province.toolchain import binary

from .conftest import ENVIRONMENT, LiveStack
from .schemas import Schemas

pytestmark = pytest.mark.lab

FLEET = load_fleet(ENVIRONMENT)


@pytest.fixture(scope="module", params=FLEET.data_centres, ids=lambda site: site.id)
def stacks(request: pytest.FixtureRequest) -> list[LiveStack]:
    """Every stack of a site."""
    return [LiveStack(FLEET, request.param, layer) for layer in LAYERS]


@pytest.fixture(scope="module")
def objects(stacks: list[LiveStack]) -> list[Declared]:
    """Everything that is declared for a site's cluster."""
    return [one for stack in stacks for one in stack.declared]


@pytest.fixture(scope="module")
def schemas(stacks: list[LiveStack], tmp_path_factory: pytest.TempPathFactory) -> Schemas:
    return Schemas(stacks[0], tmp_path_factory.mktemp("schemas"))


@pytest.fixture(scope="module")
def misspelt(objects: list[Declared]) -> Declared:
    """A declared object with one key that does not exist, deep inside."""
    body = copy.deepcopy(next(one.body for one in objects if one.kind == "NetworkPolicy"))
    body["spec"]["podSelector"]["matchLabel"] = {}
    return Declared(body)


def refusals(stack: LiveStack, objects: Iterable[Declared]) -> str:
    """What the API server says against objects that it is asked to take without keeping them."""
    server_side = ["--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict"]
    access = str(kubeconfig_path(stack.fleet, stack.site))
    done = subprocess.run(
        [binary("kubectl"), "--kubeconfig", access, "apply", *server_side, "--field-manager=validity", "--filename=-"],
        input=json.dumps({"apiVersion": "v1", "kind": "List", "items": [one.body for one in objects]}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or done.stderr
    return done.stderr


@pytest.mark.proves(31)
def test_every_declared_object_fits_the_schema_of_the_live_api_server(
    objects: list[Declared], schemas: Schemas
) -> None:
    assert objects
    assert schemas.complaints(objects) == []


def test_a_misspelt_key_does_not_fit(misspelt: Declared, schemas: Schemas) -> None:
    (complaint,) = schemas.complaints([misspelt])
    assert "additional properties 'matchLabel' not allowed" in complaint


@pytest.mark.proves(31)
def test_the_live_api_server_would_take_every_declared_object(stacks: list[LiveStack], objects: list[Declared]) -> None:
    assert refusals(stacks[0], objects) == ""


def test_the_live_api_server_would_refuse_a_misspelt_key(stacks: list[LiveStack], misspelt: Declared) -> None:
    assert 'unknown field "matchLabel"' in refusals(stacks[0], [misspelt])
