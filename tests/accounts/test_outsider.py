"""Who is no member of a workspace learns nothing about it, on any page that there is."""

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

SAMPLES = {
    "name": "anything",
    "number": "1",
    "pk": "1",
    "uuid:pk": "0b5e7a52-6c5d-4d0e-9d3a-0d8ce0c1fb1d",
    "task_id": "1",
    "row": "1",
    "code": "duplicate",
    "path": "a.json",
    "alias": "production",
    "move": "1",
    "label": "1",
    "merged": "1",
}


def workspace_pages() -> list[str]:
    """An address for every pattern under /w/<workspace>/, read from the URL configuration itself."""

    def walk(patterns, prefix):
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            elif isinstance(pattern, URLPattern) and route.startswith("w/<slug:workspace>/"):
                yield route

    pages = []
    for route in walk(get_resolver().url_patterns, ""):
        address = route.replace("<slug:workspace>", "team")
        for part in route.split("<")[1:]:
            name = part.split(">")[0]
            if name != "slug:workspace":
                address = address.replace(f"<{name}>", SAMPLES.get(name) or SAMPLES[name.rpartition(":")[2]])
        pages.append(f"/{address}")
    return pages


def test_there_are_pages_to_try():
    assert len(workspace_pages()) > 10


def test_an_outsider_gets_404_everywhere_by_every_method(client_for, cast):
    client = client_for(cast.outsider)
    for page in workspace_pages():
        statuses = {client.get(page).status_code, client.post(page).status_code}
        assert statuses <= {404, 405}, page
        assert 404 in statuses, page


def test_a_stranger_is_sent_to_the_sign_in_from_everywhere(client, cast):
    for page in workspace_pages():
        answers = [client.get(page), client.post(page)]
        assert any(answer.status_code == 302 for answer in answers), page
        for answer in answers:
            assert answer.status_code in {302, 405}, page
            if answer.status_code == 302:
                assert answer.headers["Location"].startswith("/sign-in?next="), page


def test_a_workspace_that_does_not_exist_looks_the_same(client_for, cast):
    client = client_for(cast.outsider)
    hidden, missing = client.get("/w/team/"), client.get("/w/nothing-here/")
    assert hidden.status_code == missing.status_code == 404
    assert b"you are not a member" in hidden.content
    assert b"you are not a member" in missing.content


@pytest.mark.parametrize("path", ["datasets", "jobs", "adapters", "base-models"])
def test_a_token_of_another_workspace_lists_nothing_of_this_one(cast, tiny_base, path):
    assert cast.api(cast.outsider).get(f"/api/v1/{path}").json()["count"] == 0
