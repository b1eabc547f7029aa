"""What is wrong with a start is said in one line that names the variable, before anything is changed."""

import socket
from collections.abc import Callable

import pytest

from tests.launcher.conftest import Program


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("DATABASE_URL", "mysql://localhost/graft"),
        ("DATABASE_URL", "postgres://localhost:port/graft"),
        ("REDIS_URL", "localhost"),
        ("REDIS_URL", "redis://127.0.0.1:1/0"),
        ("STORAGE_URL", "s3:///nobucket"),
        ("GRAFT_IMPORT_SOURCES", "file:///srv/rows"),
        ("GRAFT_IMPORT_SOURCES", "rows=ftp://example.org/rows"),
        ("GRAFT_EXPORT_PLACES", "models=ftp://example.org/models"),
        ("GRAFT_HOME", "/proc/graft"),
        ("GRAFT_HOME", "/etc/hostname"),
    ],
)
@pytest.mark.parametrize("command", ["run", "demo"])
def test_a_bad_value_is_one_line_that_names_the_variable(
    start: Callable[..., Program], variable: str, value: str, command: str
) -> None:
    program = start("-m", "launcher", command, **{variable: value})
    assert program.process.wait(30) == 2, program.output
    [line] = program.output.splitlines()
    assert line.startswith(f"{variable}: ")


def test_a_host_that_is_not_this_machine_is_named(start: Callable[..., Program]) -> None:
    program = start("-m", "launcher", "run", HOST="no such host")
    assert program.process.wait(30) == 2
    assert program.output == "HOST: “no such host” is no address of this machine.\n"


def test_a_port_that_is_taken_is_said_with_another_one(start: Callable[..., Program]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        program = start("-m", "launcher", "run", PORT=str(port))
        assert program.process.wait(30) == 2
    [line] = program.output.splitlines()
    assert line.startswith(f"PORT: another program listens on port {port}; ")
    assert f"PORT={port + 1} make run" in line
