"""The embedded Redis: there for this machine alone, and gone with the launcher."""

import stat

import pytest
import redis

from launcher.home import Home
from launcher.valkey import embedded_valkey
from launcher.variables import read_variables


def test_it_answers_to_those_who_know_the_password_and_keeps_nothing(home: Home) -> None:
    with embedded_valkey(home) as valkey:
        url = valkey.url_file.read_text()
        with redis.Redis.from_url(url) as client:
            client.set("greeting", "hello")
            assert client.get("greeting") == b"hello"
            assert client.config_get("bind") == {"bind": "127.0.0.1"}
            assert client.config_get("save") == {"save": ""}
        port = int(url.rpartition(":")[2].split("/")[0])
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.get("greeting")
    assert valkey.process.returncode == 0
    with redis.Redis.from_url(url) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_its_password_is_for_the_owner_of_the_data_folder_alone(home: Home) -> None:
    with embedded_valkey(home) as valkey:
        assert stat.S_IMODE(home.run.stat().st_mode) == 0o700
        assert stat.S_IMODE(valkey.url_file.stat().st_mode) == 0o600
        assert stat.S_IMODE((home.run / "valkey.conf").stat().st_mode) == 0o600


def test_its_address_reaches_the_processes_as_a_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with embedded_valkey(home) as valkey:
        monkeypatch.setenv("REDIS_URL_FILE", str(valkey.url_file))
        assert read_variables().redis_url == valkey.url_file.read_text()
