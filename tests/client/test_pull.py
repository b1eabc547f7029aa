"""A version comes here whole and checked, or not at all, however often the connection breaks."""

import _thread
import hashlib
import subprocess
import threading
import zipfile
from pathlib import Path

import httpx
import pytest

from graft import Client, GraftError
from graft.local_files import alone_with
from graft.pulling import THREADS, identity, remote_files
from tests.adapters.makers import make_version, write_adapter
from tests.served import CuttingProxy

MEGABYTE = 1024 * 1024


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_version_becomes_a_folder_that_its_sums_confirm(client, version, tmp_path):
    folder = client.adapters.pull("adder", tmp_path / "here")
    assert names_in(folder) >= {"manifest.json", "adapter_model.safetensors", "adapter_config.json", "SHA256SUMS"}
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert client.adapters.verify(folder).is_whole
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_the_sums_are_those_of_the_zip(client, version, tmp_path):
    folder = client.adapters.pull("adder@1", tmp_path / "folder")
    with zipfile.ZipFile(client.adapters.pull_zip("adder@1", tmp_path / "adder.zip")) as archive:
        for name in names_in(folder):
            assert archive.read(f"adder-v1/{name}") == (folder / name).read_bytes(), name


def test_progress_ends_with_all_bytes(client, version, tmp_path):
    heard = []
    client.adapters.pull("adder@1", tmp_path / "here", progress=lambda *told: heard.append(told))
    what, done, total = heard[-1]
    assert what == "adder@1"
    assert done == total > 4 * MEGABYTE


def test_connections_that_break_are_made_again_from_where_they_were(client, version, server, people, tmp_path):
    # Which connection carries the weights, of more than 4 MB, depends on the threads: it is cut whichever it is.
    proxy = CuttingProxy(server, [2 * MEGABYTE] * 6)
    with Client(proxy.address, people.token(people.viewer)) as shaky:
        folder = shaky.adapters.pull("adder@1", tmp_path / "here")
    proxy.close()
    assert proxy.cuts >= 1
    assert client.adapters.verify(folder).is_whole


def test_another_try_goes_on_where_a_dead_program_stopped(client, version, server, people, tmp_path, monkeypatch):
    monkeypatch.setattr("graft.fetching.TRIES", 1)
    monkeypatch.setattr("graft.fetching.pause", lambda _number: None)
    proxy = CuttingProxy(server, [*[MEGABYTE] * 4, *[0] * 40])
    with Client(proxy.address, people.token(people.viewer)) as shaky, pytest.raises(GraftError) as caught:
        shaky.adapters.pull("adder@1", tmp_path / "here")
    proxy.close()
    assert caught.value.code == "unreachable"
    assert not (tmp_path / "here").exists()
    [partial] = [path for path in tmp_path.iterdir() if path.name.startswith(".here.")]
    kept = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
    assert kept > MEGABYTE // 4

    sent = []
    seen = httpx.Client.stream

    def note(self, method, url, **options):
        sent.append(options.get("headers", {}).get("Range"))
        return seen(self, method, url, **options)

    monkeypatch.setattr(httpx.Client, "stream", note)
    folder = client.adapters.pull("adder@1", tmp_path / "here")
    assert any(sent), "no range was asked for"
    assert client.adapters.verify(folder).is_whole
    assert not partial.exists()


def test_a_beginning_that_is_something_else_is_fetched_anew(client, version, tmp_path):
    folder = tmp_path / "here"
    remote = next(one for one in remote_files(client.adapters.version("adder@1")) if one.path.endswith(".safetensors"))
    client.adapters.pull("adder@1", folder)
    partial = _partial_of(client, folder, tmp_path)
    (partial / remote.path).write_bytes(b"?" * MEGABYTE)
    client.adapters.pull("adder@1", folder)
    assert hashlib.sha256((folder / remote.path).read_bytes()).hexdigest() == remote.sha256


def _partial_of(client, folder, tmp_path):
    """Lay the pulled folder back under the name that a pull that was broken off would have left."""
    digits = identity(remote_files(client.adapters.version("adder@1")))
    return folder.rename(tmp_path / f".here.{digits}.partial")


def test_a_folder_that_holds_it_already_stays_and_another_is_never_touched(client, version, tmp_path):
    folder = client.adapters.pull("adder@1", tmp_path / "here")
    before = (folder / "manifest.json").stat().st_mtime_ns
    assert client.adapters.pull("adder@1", folder) == folder
    assert (folder / "manifest.json").stat().st_mtime_ns == before
    (folder / "adapter_config.json").write_text("mine")
    with pytest.raises(GraftError) as caught:
        client.adapters.pull("adder@1", folder)
    assert caught.value.code == "folder_exists"
    assert (folder / "adapter_config.json").read_text() == "mine"


def test_an_empty_folder_is_filled(client, version, tmp_path):
    (tmp_path / "here").mkdir()
    assert client.adapters.verify(client.adapters.pull("adder@1", tmp_path / "here")).is_whole


def test_two_programs_do_not_write_into_the_same(client, version, tmp_path):
    folder = client.adapters.pull("adder@1", tmp_path / "here")
    with alone_with(_partial_of(client, folder, tmp_path)), pytest.raises(GraftError) as caught:
        client.adapters.pull("adder@1", folder)
    assert caught.value.code == "pull_running"


def test_a_file_of_that_name_is_not_overwritten(client, version, tmp_path):
    target = tmp_path / "adder.zip"
    target.write_bytes(b"mine")
    with pytest.raises(GraftError) as caught:
        client.adapters.pull_zip("adder@1", target)
    assert (caught.value.code, target.read_bytes()) == ("file_exists", b"mine")
    target.unlink()
    client.adapters.pull_zip("adder@1", target)
    assert client.adapters.pull_zip("adder@1", target) == target


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../b", "..\\outside", "C:\\x", "\\x", ""])
def test_a_server_cannot_write_elsewhere(path):
    version = {"adapter": "adder", "version": 1, "files": [{"path": path, "size": 1, "sha256": "0" * 64}]}
    with pytest.raises(GraftError) as caught:
        remote_files(version)
    assert caught.value.code == "not_graft"


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("nobody@1", "adapter_version_not_found"),
        ("adder@9", "adapter_version_not_found"),
        ("nobody", "adapter_not_found"),
    ],
)
def test_what_is_not_there_is_said_and_leaves_nothing(client, version, tmp_path, reference, code):
    with pytest.raises(GraftError) as caught:
        client.adapters.pull(reference, tmp_path / "here")
    assert (caught.value.code, caught.value.status) == (code, 404)
    assert not [path for path in tmp_path.iterdir() if "here" in path.name]


def test_the_newest_and_an_alias_are_found(client, base, version, tmp_path):
    make_version(base, write_adapter(tmp_path / "second", seed=2), key="job-2")
    client.adapters.promote("adder@1", "production")
    assert client.adapters.version("adder")["version"] == 2
    assert client.adapters.version("adder@production")["version"] == 1


def test_an_outsider_finds_nothing(server, people, version, tmp_path):
    with Client(server, people.token(people.outsider)) as outsider, pytest.raises(GraftError) as caught:
        outsider.adapters.pull("adder@1", tmp_path / "here")
    assert caught.value.status == 404


def test_the_command_prints_where_it_is(graft, version, tmp_path):
    said = graft("adapters", "pull", "adder@1", tmp_path / "here", "--json")
    assert said.json == {"reference": "adder@1", "path": str(tmp_path / "here")}
    assert said.err == ""
    assert graft("adapters", "verify", tmp_path / "here").code == 0
    zipped = graft("adapters", "pull", "adder@1", tmp_path / "adder.zip", "--zip")
    assert (zipped.out, zipped.err) == (f"{tmp_path / 'adder.zip'}\n", "")


def test_who_fetches_a_version_that_is_out_of_use_is_told(graft, client, version, tmp_path):
    client.adapters.retire("adder@1", reason="It answers too long.")
    said = graft("adapters", "pull", "adder@1", tmp_path / "here")
    assert (said.code, said.out) == (0, f"{tmp_path / 'here'}\n")
    assert said.err == "Mind: adder@1 is retired. It answers too long.\n"
    client.adapters.restore("adder@1")
    assert graft("adapters", "pull", "adder@1", tmp_path / "here").err == ""


def test_ctrl_c_says_how_to_go_on(graft, version, tmp_path, monkeypatch):
    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("graft.pulling.wait", interrupted)
        said = graft("adapters", "pull", "adder@1", tmp_path / "here")
    assert (said.code, said.out) == (130, "")
    assert "the same command goes on from there" in said.err
    assert not (tmp_path / "here").exists()
    assert graft("adapters", "pull", "adder@1", tmp_path / "here").code == 0


def test_no_thread_outlives_a_pull_that_was_interrupted(client, version, tmp_path):
    sent = []

    def stop(_what, done, _total):
        if done > MEGABYTE and not sent:
            sent.append(True)
            _thread.interrupt_main()

    with pytest.raises(KeyboardInterrupt):
        client.adapters.pull("adder@1", tmp_path / "here", progress=stop)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(THREADS)]
    assert client.adapters.verify(client.adapters.pull("adder@1", tmp_path / "here")).is_whole
