"""A whole folder in one upload: the files that can hold rows, in the order of their paths, and nothing else."""

from playwright.sync_api import expect


def test_the_files_of_a_folder_become_one_version(page, stack, tmp_path):
    folder = tmp_path / "My chats"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "first.csv").write_text("prompt,completion\nWho?,Me.\n")
    (folder / "c.jsonl").write_text('{"prompt": "When?", "completion": "Now."}\n')
    (folder / "notes.txt").write_text("no rows")
    (folder / "_index.json").write_text("")
    page.goto("/w/team/datasets/new")
    page.locator("#folder").set_input_files(folder)
    expect(page.get_by_role("status").filter(has_text="2 of 4 files")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("my-chats")
    page.get_by_role("button", name="Upload and check").click()
    page.wait_for_url("**/datasets/my-chats/v/1/", timeout=30_000)
    with stack.client() as rest:
        version = rest.get("/datasets/my-chats/versions/1").json()
    assert (version["rows"], version["file_name"]) == (2, "first.csv and 1 more")


def test_a_folder_without_rows_is_said(page, tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "cat.png").write_bytes(b"png")
    page.goto("/w/team/datasets/new")
    page.locator("#folder").set_input_files(tmp_path / "pictures")
    expect(page.get_by_text("No file of “pictures” can hold rows")).to_be_visible()
