"""The variables of this start, checked as far as one can without Django; what is wrong is one line that names it."""

import dj_database_url
import redis

from finetune_app.environment import BadVariable, Environment, read_environment
from finetune_app.storage.location import open_store
from launcher.errors import LaunchError

REDIS_SECONDS = 5.0


def read_variables() -> Environment:
    """All variables.

    Raises:
        LaunchError: one of them has a value that cannot be used.
    """
    try:
        environment = read_environment()
    except BadVariable as error:
        raise LaunchError(str(error)) from None
    if environment.database_url:
        try:
            dj_database_url.parse(environment.database_url)
        except (ValueError, dj_database_url.ParseError) as error:
            raise LaunchError(f"DATABASE_URL: not an address that can be read: {error}") from None
    if environment.storage_url:
        try:
            open_store(environment.storage_url)
        except Exception as error:  # noqa: BLE001 – the store's library raises kinds of its own
            raise LaunchError(f"STORAGE_URL: cannot open the storage: {error}") from None
    if environment.redis_url:
        check_redis(environment.redis_url)
    # The processes run elsewhere than the caller, who may have meant a folder beside this one.
    return environment.model_copy(update={"graft_home": environment.graft_home.absolute()})


def check_redis(url: str) -> None:
    """Be sure that Redis answers at `url`.

    Raises:
        LaunchError: it does not.
    """
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=REDIS_SECONDS, socket_timeout=REDIS_SECONDS) as client:
            client.ping()
    except (redis.RedisError, ValueError, OSError) as error:
        raise LaunchError(f"REDIS_URL: no Redis answers there: {error}") from None
