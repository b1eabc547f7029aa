"""How many jobs of a workspace run at a time: admins say it, members see it."""

import pytest

from finetune_app.accounts.services.set_limits import set_limits
from finetune_app.errors import UserError
from tests.pages import words

PAGE = "/w/team/settings/limits"
REST = "/api/v1/limits"


def limit(cast):
    cast.team.refresh_from_db()
    return cast.team.max_running_jobs


def test_an_admin_sets_and_lifts_the_limit(cast):
    browser = cast.client(cast.owner)
    assert browser.post(PAGE, {"max_running_jobs": "2"}).url == PAGE
    assert limit(cast) == 2
    assert 'value="2"' in browser.get(PAGE).content.decode()
    browser.post(PAGE, {"max_running_jobs": ""})
    assert limit(cast) is None


@pytest.mark.parametrize("value", ["0", "-1", "1001", "many", "1.5"])
def test_a_wrong_number_is_said_beside_its_field(cast, value):
    answer = cast.client(cast.owner).post(PAGE, {"max_running_jobs": value})
    assert answer.status_code == 422
    assert "is-invalid" in answer.content.decode()
    assert limit(cast) is None


def test_members_see_it_and_only_an_admin_changes_it(cast):
    set_limits(cast.access(cast.owner), max_running_jobs=3)
    for person in (cast.editor, cast.viewer):
        browser = cast.client(person)
        assert "Jobs at a time 3" in words(browser.get(PAGE).content.decode())
        assert "<form" not in browser.get(PAGE).content.decode().partition("card-body")[2]
        assert browser.post(PAGE, {"max_running_jobs": "9"}).status_code == 403
        assert cast.api(person).get(REST).json() == {"max_running_jobs": 3}
        assert put(cast.api(person), 9).status_code == 403
    assert limit(cast) == 3


def put(client, value):
    return client.put(REST, {"max_running_jobs": value}, content_type="application/json")


def test_the_same_over_rest(cast):
    client = cast.api(cast.owner)
    assert client.get(REST).json() == {"max_running_jobs": None}
    assert put(client, 4).json() == {"max_running_jobs": 4}
    assert limit(cast) == 4
    refused = put(client, 0)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
        422,
        "bad_limit",
        "max_running_jobs",
    )
    assert put(client, None).json() == {"max_running_jobs": None}


def test_the_limit_of_another_workspace_stays(cast):
    put(cast.api(cast.outsider), 1)
    assert limit(cast) is None
    with pytest.raises(UserError):
        set_limits(cast.access(cast.editor), max_running_jobs=1)
