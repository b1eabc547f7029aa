"""One Graft per data folder."""

from collections.abc import Callable

import pytest

from launcher.home import Home
from launcher.instance import AlreadyRunning, Instance, hold, running
from tests.launcher.conftest import Program


def test_a_held_folder_says_where_its_graft_listens(home: Home) -> None:
    assert running(home) is None
    with hold(home, host="127.0.0.1", port=8123):
        found = running(home)
        assert isinstance(found, Instance)
        assert found.address == "http://127.0.0.1:8123"
        with (
            pytest.raises(AlreadyRunning, match=r"already running at http://127\.0\.0\.1:8123"),
            hold(home, host="", port=1),
        ):
            pass
    assert running(home) is None


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "http://127.0.0.1:80"),  # noqa: S104
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("box", "http://box:80"),
    ],
)
def test_the_address_is_one_that_a_browser_can_open(host: str, address: str) -> None:
    assert Instance(1, host, 80).address == address


def test_a_second_start_says_where_the_first_one_is(home: Home, start: Callable[..., Program]) -> None:
    with hold(home, host="127.0.0.1", port=8123):
        program = start("-m", "launcher", "run", PORT="8124")
        program.process.wait(30)
    assert program.output.startswith("Graft is already running at http://127.0.0.1:8123.\n")
