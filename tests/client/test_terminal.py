"""On a terminal a person sees bars; in a pipe nothing but the result."""

import os
import pty
import subprocess
import sys
import termios
import time

import pytest


def on_a_terminal(arguments: list[str], env: dict[str, str]) -> tuple[int, str, str]:
    """Exit code, standard output (a pipe) and what was drawn on the terminal that standard error is."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [f"{sys.prefix}/bin/graft", *arguments], env=env, stdout=subprocess.PIPE, stderr=theirs, stdin=theirs, text=True
    )
    os.close(theirs)
    drawn = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # the program has ended
            break
        if not chunk:
            break
        drawn += chunk
    os.close(ours)
    out, _ = process.communicate(timeout=30)
    return process.returncode, out, drawn.decode()


@pytest.fixture
def env(server, people, own_folder):
    left_out = {"DJANGO_SETTINGS_MODULE", "NO_COLOR"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return kept | {
        "GRAFT_URL": server,
        "GRAFT_TOKEN": people.token(people.editor),
        "TERM": "xterm",
        "COLUMNS": "100",
    }


def test_a_pull_draws_a_bar_and_prints_the_folder(version, env, tmp_path):
    code, out, drawn = on_a_terminal(["adapters", "pull", "adder", str(tmp_path / "here")], env)
    assert (code, out) == (0, f"{tmp_path / 'here'}\n"), drawn
    assert "adder@1" in drawn
    assert "100%" in drawn or "MB" in drawn


def test_the_token_is_asked_for_and_not_shown(server, people, env):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [f"{sys.prefix}/bin/graft", "login", server, "--json"],
        env=env,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 20
        while termios.tcgetattr(theirs)[3] & termios.ECHO:  # what is typed is shown until the program hides it
            assert time.monotonic() < until
            time.sleep(0.02)
        token = people.token(people.owner)
        os.write(ours, f"{token}\n".encode())
        out, _ = process.communicate(timeout=20)
    finally:
        process.kill()
        os.close(theirs)
    shown = os.read(ours, 4096).decode()
    os.close(ours)
    assert process.returncode == 0, shown
    assert '"user": "owner"' in out
    assert "Token" in shown
    assert token not in shown
