"""The page of findings: its states, what it shows to whom, and the way to a version without chosen rows."""

import pytest

from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.services.request_task import find_task, request_task
from finetune_app.datasets.task_states import TaskKind
from finetune_app.work.states import TaskState
from tests.datasets.makers import chat
from tests.datasets.tasks import put, run_task
from tests.pages import words

PAGE = "/w/team/datasets/support/v/1/findings"
MAIL = "anna.smith@firm.de"
ROWS = [
    chat("Where is my parcel?", "On its way."),
    chat("Where is  my parcel?", "On its way."),
    chat("Whom do I write to?", f"Write to {MAIL}."),
    chat("Whom do I write to?", f"Write to {MAIL}. "),
    chat("When do you open?", "At nine."),
]


@pytest.fixture
def version(cast):
    return put(cast, "support", *ROWS)


@pytest.fixture
def checked(version):
    task = run_task(request_task(version, TaskKind.FINDINGS))
    assert task.state == TaskState.SUCCEEDED, task.error
    return task


@pytest.fixture
def editor(cast):
    return cast.client(cast.editor)


@pytest.fixture
def viewer(cast):
    return cast.client(cast.viewer)


def test_every_new_version_is_checked_and_the_page_waits_for_it(version, viewer):
    assert find_task(version, TaskKind.FINDINGS).state == TaskState.QUEUED
    text = viewer.get(PAGE).content.decode()
    assert 'hx-trigger="every 1s"' in text
    assert "Exact duplicates" in text
    assert "<html" not in viewer.get(PAGE, headers={"HX-Request": "true"}).content.decode()


def test_what_was_found_is_shown_with_masked_secrets(checked, viewer):
    assert checked.result["counts"] == {"duplicate": 2, "email": 2}
    text = viewer.get(PAGE).content.decode()
    for said in ("Exact duplicates", "The same as row 1.", "E-mail addresses", "anna…de", "Findings (2)"):
        assert said in text
    assert MAIL not in text
    assert "3 of 5 rows have a finding" in words(text)
    assert "Make a version" not in text
    assert viewer.get(PAGE, headers={"HX-Request": "true"})["HX-Refresh"] == "true"


def test_an_editor_chooses_and_keep_is_chosen_before(checked, editor):
    text = editor.get(PAGE).content.decode()
    assert text.count('value="keep" checked') == 2
    assert text.count('value="drop"') == 2
    assert "js/dataset-findings.js" in text


def test_more_of_a_code_is_a_part_or_a_page(checked, viewer):
    part = viewer.get(f"{PAGE}/duplicate?offset=1", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "The same as row 3." in part
    assert "The same as row 1." not in part
    for wrong in ("x", "9" * 5000):
        assert "All findings" in words(viewer.get(f"{PAGE}/duplicate?offset={wrong}").content.decode())
    assert viewer.get(f"{PAGE}/nothing").status_code == 404
    assert viewer.get(f"{PAGE}/iban").status_code == 302


def test_the_sum_is_shown_before_anything_is_made(checked, editor):
    text = words(editor.get(f"{PAGE}/drop?duplicate=drop&email=drop").content.decode())
    assert "Make a version without 3 rows?" in text
    for line in ("Rows of v1 5", "Exact duplicates −2", "Counted above more than once +1", "new version 2"):
        assert line in text
    assert not DatasetTask.objects.filter(kind=TaskKind.DERIVE).exists()


def test_dropping_nothing_is_refused_beside_the_findings(checked, editor):
    answer = editor.get(f"{PAGE}/drop?duplicate=keep")
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    assert "Choose “drop” for at least one" in editor.get(PAGE).content.decode()


def test_the_new_version_has_the_other_rows_and_knows_why(checked, editor):
    waits = editor.post(f"{PAGE}/drop", {"duplicate": "drop"})["Location"]
    assert "Making the new version" in editor.get(waits).content.decode()
    run_task(DatasetTask.objects.get(kind=TaskKind.DERIVE))
    assert editor.get(waits, headers={"HX-Request": "true"})["HX-Redirect"] == "/w/team/datasets/support/v/2/"
    made = DatasetVersion.objects.get(number=2)
    assert made.rows == 3
    assert made.origin["steps"]["drop_rows"]["reasons"] == {"duplicate": 2}
    assert editor.get(waits)["Location"] == "/w/team/datasets/support/v/2/"


def test_a_version_without_findings_says_so(cast, viewer):
    version = put(cast, "support", chat("How are you?", "Fine."))
    run_task(request_task(version, TaskKind.FINDINGS))
    assert "Nothing doubtful was found" in viewer.get(PAGE).content.decode()


def test_a_failed_check_tells_why_and_is_tried_again(version, editor, viewer):
    task = find_task(version, TaskKind.FINDINGS)
    DatasetTask.objects.filter(pk=task.pk).update(state=TaskState.FAILED, error="The worker's disk is full.")
    assert "The worker&#x27;s disk is full." in viewer.get(PAGE).content.decode()
    assert "Try again" in editor.get(PAGE).content.decode()
    assert "Try again" not in viewer.get(PAGE).content.decode()
    assert editor.post(f"{PAGE}/again")["Location"] == PAGE
    assert find_task(version, TaskKind.FINDINGS).state == TaskState.QUEUED


def test_an_older_version_is_checked_when_an_editor_asks(version, editor):
    version.tasks.all().delete()
    assert "Check the rows" in editor.get(PAGE).content.decode()
    editor.post(f"{PAGE}/again")
    assert find_task(version, TaskKind.FINDINGS).state == TaskState.QUEUED


def test_a_viewer_may_look_only_and_an_outsider_sees_nothing(cast, checked, viewer):
    assert viewer.get(f"{PAGE}/drop?duplicate=drop").status_code == 403
    assert viewer.post(f"{PAGE}/drop", {"duplicate": "drop"}).status_code == 403
    assert viewer.post(f"{PAGE}/again").status_code == 403
    outsider = cast.client(cast.outsider)
    for path in ("", "/duplicate", "/drop?duplicate=drop", "/making/1"):
        assert outsider.get(f"{PAGE}{path}").status_code == 404
    assert not DatasetTask.objects.filter(kind=TaskKind.DERIVE).exists()
