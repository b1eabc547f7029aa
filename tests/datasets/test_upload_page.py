"""The upload page: what is wrong stands beside its field, what is right leads to the version."""

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from finetune_app.accounts.models import User
from finetune_app.datasets.models import Dataset
from tests.cast import Cast
from tests.datasets.makers import chat, jsonl, upload_file

NEW = "/w/team/datasets/new"
GOOD = jsonl(chat())
MIXED = jsonl(chat(), {"text": "Once."})


@pytest.fixture
def page(cast: Cast, client_for: Callable[[User], Client]) -> Client:
    return client_for(cast.editor)


def test_the_page_explains_the_forms_and_the_limit(page: Client) -> None:
    answer = page.get(NEW)
    assert answer.status_code == 200
    for words in ("ShareGPT", "Instruction", "conversations", "up to 1.0 GiB", 'data-limit="1073741824"'):
        assert words in answer.content.decode()


def test_the_name_comes_along_for_a_new_version(page: Client) -> None:
    assert 'value="support"' in page.get(f"{NEW}?name=support").content.decode()


def test_a_good_file_leads_to_its_version(page: Client) -> None:
    answer = page.post(NEW, {"name": "support", "file": upload_file(GOOD)})
    assert (answer.status_code, answer["Location"]) == (302, "/w/team/datasets/support/v/1/")
    assert "support@1 was saved" in page.get(answer["Location"]).content.decode()


def test_the_same_bytes_again_lead_to_the_same_version_and_say_so(page: Client) -> None:
    page.post(NEW, {"name": "support", "file": upload_file(GOOD)})
    answer = page.post(NEW, {"name": "support", "file": upload_file(GOOD)}, follow=True)
    assert answer.redirect_chain == [("/w/team/datasets/support/v/1/", 302)]
    assert "already here as support@1" in answer.content.decode()


def test_the_script_of_the_page_is_told_where_to_go(page: Client) -> None:
    answer = page.post(
        NEW, {"name": "support", "file": upload_file(GOOD)}, headers={"x-requested-with": "XMLHttpRequest"}
    )
    assert (answer.status_code, answer["Location"]) == (201, "/w/team/datasets/support/v/1/")
    assert "support@1 was saved" in page.get(answer["Location"]).content.decode()


def test_bad_rows_are_listed_under_the_file(page: Client) -> None:
    answer = page.post(NEW, {"name": "support", "file": upload_file(MIXED)})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "1 of 2 rows cannot be trained on" in text
    assert "The row has the form “text”" in text
    assert 'value="support"' in text
    assert answer.context["form"].errors.keys() == {"file"}
    assert not Dataset.objects.exists()


def test_bad_rows_can_be_left_out(page: Client) -> None:
    answer = page.post(NEW, {"name": "support", "file": upload_file(MIXED), "leave_out_bad_rows": "on"}, follow=True)
    text = answer.content.decode()
    assert "1 row left out" in text
    assert "The row has the form “text”" in text


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        ({"file": upload_file(GOOD)}, "name", "Enter a name"),
        ({"name": "support"}, "file", "Choose a file"),
        ({"name": "support", "file": upload_file(b"")}, "file", "The file is empty."),
        ({"name": "support", "file": upload_file(b"PK\x03\x04")}, "file", "unpack it"),
        ({"name": "Big Name", "file": upload_file(GOOD)}, "name", "cannot be a name"),
        ({"name": "new", "file": upload_file(GOOD)}, "name", "cannot be a name"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(page: Client, form: dict[str, object], field: str, words: str) -> None:
    if upload := form.get("file"):
        upload.seek(0)
    answer = page.post(NEW, form)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert words in answer.content.decode()
    assert not Dataset.objects.exists()


def test_a_file_just_over_the_limit_is_refused_beside_the_field(page: Client, settings: Settings) -> None:
    settings.UPLOAD_LIMIT_BYTES = 10
    answer = page.post(NEW, {"name": "support", "file": upload_file(GOOD)})
    assert answer.status_code == 413
    assert "larger than the limit" in str(answer.context["form"].errors["file"])


def test_a_viewer_gets_no_upload_page(cast: Cast) -> None:
    viewer = cast.client(cast.viewer)
    assert viewer.get(NEW).status_code == 403
    assert viewer.post(NEW, {"name": "support", "file": upload_file(GOOD)}).status_code == 403
    assert not Dataset.objects.exists()


def test_an_outsider_gets_404_and_a_stranger_signs_in(cast: Cast, client: Client) -> None:
    assert cast.client(cast.outsider).get(NEW).status_code == 404
    answer = client.get(NEW)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in")


def test_an_unknown_form_asks_which_column_is_what(page: Client) -> None:
    content = b"q,a\nWhy?,So.\n"
    answer = page.post(NEW, {"name": "faq", "file": upload_file(content, "faq.csv")})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="how-to-read" open' in text
    assert '<option value="q">' in text
    form = {"name": "faq", "file": upload_file(content, "faq.csv"), "column_prompt": "q", "column_completion": "a"}
    answer = page.post(NEW, form, follow=True)
    text = answer.content.decode()
    assert "faq@1 was saved" in text
    assert "faq.csv (CSV)" in text
    assert "<code>prompt</code> is <code>q</code>" in text


def test_the_choice_of_how_to_read_stays_closed_until_it_is_needed(page: Client) -> None:
    text = page.get(NEW).content.decode()
    assert 'id="how-to-read"' in text
    assert 'id="how-to-read" open' not in text


def test_several_files_become_one_version(page: Client) -> None:
    files = [upload_file(GOOD, "one.jsonl"), upload_file(jsonl(chat("Why?")), "two.jsonl")]
    text = page.post(NEW, {"name": "support", "file": files}, follow=True).content.decode()
    assert "one.jsonl and 1 more" in text
    assert "two.jsonl (JSONL)" in text


def test_columns_that_make_no_sense_are_refused_beside_the_form(page: Client) -> None:
    form = {"name": "support", "file": upload_file(GOOD), "column_prompt": "q", "column_text": "q"}
    answer = page.post(NEW, form)
    assert answer.status_code == 422
    assert "cannot stand for two keys" in str(answer.context["form"].errors["form"])
    assert not Dataset.objects.exists()
