"""What each list page and REST call of the registry costs: so many queries, however much there is.

`benchmarks/registry.py` says how long they take among a hundred thousand versions.
"""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from adapters.models import Adapter, Alias, VersionTag
from tests.adapters.makers import make_version
from tests.tiny_base import register_tiny_base

PAGES = {  # each beside session, user and membership, which every page asks for
    # imports, count, adapters, newest versions, their aliases and tags, the adapters' aliases
    "/w/team/adapters/": 7,
    "/w/team/adapters/?q=adder": 7,
    "/w/team/adapters/versions": 6,
    "/w/team/adapters/versions?q=adder&base=tiny&alias=production&tag=good&metric=exact_match&order=best": 6,
    "/w/team/adapters/adder/": 9,
    "/w/team/adapters/adder/v/1/": 7,
    "/w/team/bases/": 5,
    "/w/team/bases/tiny/": 3,
    "/w/team/bases/tiny/r/1/": 5,
    "/w/team/compare/?v=adder@1&v=adder@2": 4,
}
CALLS = {  # each beside the token with its user and workspace
    "/api/v1/adapters": 6,
    "/api/v1/adapters/versions": 4,
    "/api/v1/adapters/versions?q=adder&base=tiny&dataset=sums@2&alias=production&tag=good": 4,
    "/api/v1/adapters/adder": 4,
    "/api/v1/adapters/adder/versions/1": 3,
    "/api/v1/adapters/adder/versions/production": 3,
    "/api/v1/adapters/adder/aliases": 2,
    "/api/v1/adapters/compare?v=adder@1&v=adder@2": 3,
    "/api/v1/base-models": 4,
    "/api/v1/base-models/tiny": 2,
}


def add(base, folder, count):
    """`count` adapters with a version each, so many versions of `adder`, each with a tag, and aliases."""
    for index in range(count):
        for name in (f"a{index}", "adder"):
            version = make_version(base, folder / "a", name=name, key=f"job-{name}-{index}")
            VersionTag.objects.create(version=version, name="good")
    for name in ("production", "challenger", "previous")[:count]:
        Alias.objects.create(adapter=Adapter.objects.get(name="adder"), name=name, version=version)
    register_tiny_base(base.base_model.workspace, name="more")


@pytest.fixture(params=[2, 6], ids=["few", "many"])
def registry(request, tiny_base, tmp_path):
    """The same with little and with more in it: what it costs must not tell them apart."""
    add(tiny_base, tmp_path, request.param)


def counted(client, addresses):
    """The queries of each address."""
    found = {}
    for address in addresses:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200, address
        found[address] = len(captured)
    return found


def test_pages_cost_the_same_however_much_there_is(cast, client_for, registry):
    client = client_for(cast.viewer)
    client.get("/w/team/")
    assert counted(client, PAGES) == {address: 3 + queries for address, queries in PAGES.items()}


def test_calls_cost_the_same_however_much_there_is(cast, api, registry):
    client = api(cast.viewer)
    client.get("/api/v1/adapters")
    assert counted(client, CALLS) == {address: 2 + queries for address, queries in CALLS.items()}
