"""The link that `make run` prints: it signs in once."""

import os
import subprocess
import sys
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from finetune_app.accounts.services.sign_in_link import make_sign_in_link
from finetune_app.settings import ROOT


@pytest.fixture
def link(cast):
    return urlsplit(make_sign_in_link(cast.owner)).path


@pytest.mark.parametrize("command", ["sign_in_link", "create_token"])
def test_commands_for_a_user_say_that_nothing_is_prepared_yet(tmp_path, command):
    done = subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=ROOT,
        env=os.environ | {"GRAFT_HOME": str(tmp_path / "new"), "DATABASE_URL": "", "DATABASE_URL_FILE": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "has no tables yet. Start Graft once" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_link_signs_in(client, link):
    assert client.get(link, follow=True).redirect_chain[-1] == ("/w/team/", 302)


def test_the_link_works_once(link):
    assert Client().get(link).status_code == 302
    response = Client().get(link)
    assert response.status_code == 403
    assert b"no longer works" in response.content
    assert b"python manage.py sign_in_link" in response.content


def test_a_browser_that_is_signed_in_just_goes_on(client, link):
    client.get(link)
    assert client.get(link).headers["Location"] == "/"


def test_two_links_of_the_same_second_do_not_both_work(client, cast, link):
    other = urlsplit(make_sign_in_link(cast.owner)).path
    assert client.get(link).status_code == 302
    assert Client().get(other).status_code == 403


def test_a_link_preview_does_not_use_it_up(client, link):
    assert client.head(link).status_code == 405
    assert client.get(link).status_code == 302


def test_an_old_link_is_refused(client, link, settings):
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert client.get(link).status_code == 403


def test_a_link_of_a_former_user_is_refused(client, cast, link):
    cast.owner.is_active = False
    cast.owner.save()
    assert client.get(link).status_code == 403


@pytest.mark.parametrize("token", ["x", "1-2", "---", "1-cz7x81-0123456789abcdef", "ü-1-2", "99999999999999999999-1-2"])
def test_nonsense_is_refused(client, db, token):
    assert client.get(f"/sign-in/{token}").status_code == 403


def test_a_sign_in_elsewhere_makes_it_worthless(client, cast, link):
    cast.owner.last_login = timezone.now() + timedelta(milliseconds=1)
    cast.owner.save()
    assert client.get(link).status_code == 403


def test_the_command_prints_the_whole_address(capsys, cast, client, settings):
    settings.BASE_URL = "https://graft.example.org/"
    call_command("sign_in_link", user="owner")
    address = capsys.readouterr().out.strip()
    assert address.startswith("https://graft.example.org/sign-in/")
    assert client.get(urlsplit(address).path).headers["Location"] == "/"


def test_the_command_refuses_an_unknown_user(db):
    with pytest.raises(CommandError, match="no user “nobody”"):
        call_command("sign_in_link", user="nobody")
