"""What a load balancer asks."""

import pytest


def test_a_living_process_answers_without_a_database(client):
    assert client.get("/health/live").json() == {"live": "ok"}


@pytest.mark.django_db
def test_ready_when_database_and_redis_answer(client):
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.json() == {"database": "ok", "redis": "ok"}


@pytest.mark.django_db
def test_not_ready_without_redis(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json() == {"database": "ok", "redis": "unreachable"}
