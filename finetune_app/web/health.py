"""Whether this web process lives, and whether it can reach what it needs."""

import logging
from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

log = logging.getLogger(__name__)

REDIS_SECONDS = 2.0  # a health check answers soon, even when Redis does not


def live(_request: HttpRequest) -> JsonResponse:
    """The process answers; asks nothing else."""
    return JsonResponse({"live": "ok"})


def ready(_request: HttpRequest) -> JsonResponse:
    """200 when database and Redis answer, else 503; the body says which of them does not."""
    checks = {"database": _works(_ask_database), "redis": _works(_ask_redis)}
    status = 200 if all(checks.values()) else 503
    return JsonResponse({name: "ok" if fine else "unreachable" for name, fine in checks.items()}, status=status)


def _works(ask: Callable[[], None]) -> bool:
    try:
        ask()
    except (DatabaseError, redis.RedisError, OSError) as error:
        log.warning("Not ready: %s", error)
        return False
    return True


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_redis() -> None:
    with redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
    ) as client:
        client.ping()
