"""Fixtures that all tests share, and the wall around them: no test reaches another machine."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client

from adapters.models import BaseRevision
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import User
from tests.cast import Cast, make_cast
from tests.tiny_base import register_tiny_base


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Only this machine may be reached; pytest-socket reads these options."""
    config.option.allow_hosts = "127.0.0.1,::1"
    config.option.allow_unix_socket = True
    # The static files' middleware warns when the folder is not there; `make static` fills it, tests need it empty only.
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


@pytest.fixture
def cast(db: None) -> Cast:
    """Workspace `team` and its people; see `tests/cast.py`."""
    return make_cast()


@pytest.fixture
def access(cast: Cast) -> Callable[[User], Access]:
    """`access(cast.editor)`: what they may do in their workspace."""
    return cast.access


@pytest.fixture
def client_for(cast: Cast) -> Callable[[User], Client]:
    """`client_for(cast.editor)`: a browser in which they are signed in."""
    return cast.client


@pytest.fixture
def api(cast: Cast) -> Callable[[User], Client]:
    """`api(cast.editor)`: a REST client with their token."""
    return cast.api


@pytest.fixture
def tiny_base(cast: Cast) -> BaseRevision:
    """The base model `tiny`, revision 1, registered in `team`; its files are in the storage."""
    return register_tiny_base(cast.team)
