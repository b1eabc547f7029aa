"""What a person sees when something went wrong."""

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import path

from finetune_app.errors import UserError
from finetune_app.web import error_pages


def refuse(request):
    raise UserError("too_big", "Take a smaller file.", status=413)


async def refuse_later(request):
    raise UserError("not_now", "The job has ended.", status=409)


def break_down(request):
    raise RuntimeError("a defect")


class Broken:
    """An address list in which views fail in every way."""

    urlpatterns = [
        path("refuse", refuse),
        path("later", refuse_later),
        path("defect", break_down),
        path("fine", lambda request: HttpResponse("fine")),
    ]
    handler404 = staticmethod(error_pages.not_found)
    handler500 = staticmethod(error_pages.server_error)


@pytest.fixture
def broken_pages(settings):
    settings.ROOT_URLCONF = Broken


def test_an_address_that_leads_nowhere(client, db):
    response = client.get("/nowhere")
    assert response.status_code == 404
    assert b"This address leads nowhere" in response.content


def test_rest_gets_the_same_as_json(client, db):
    response = client.get("/api/v1/nowhere")
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


@pytest.mark.usefixtures("broken_pages")
def test_a_user_error_becomes_a_page_with_its_sentence(client, db):
    response = client.get("/refuse")
    assert response.status_code == 413
    assert b"Take a smaller file." in response.content
    assert b"<h1" in response.content


@pytest.mark.usefixtures("broken_pages")
def test_htmx_gets_the_sentence_alone_and_the_place_for_it(client, db):
    response = client.get("/refuse", headers={"hx-request": "true"})
    assert response["HX-Retarget"] == "#messages"
    assert b"Take a smaller file." in response.content
    assert b"<html" not in response.content


@pytest.mark.usefixtures("broken_pages", "db")
def test_an_async_view_may_raise_it_too():
    response = async_to_sync(AsyncClient().get)("/later")
    assert response.status_code == 409
    assert b"The job has ended." in response.content


@pytest.mark.usefixtures("broken_pages")
def test_a_defect_shows_a_page_that_asks_nothing_of_the_database(db):
    def no_queries(execute, sql, params, many, context):
        raise AssertionError(sql)

    with connection.execute_wrapper(no_queries):
        response = Client(raise_request_exception=False).get("/defect")
    assert response.status_code == 500
    assert b"Graft made a mistake" in response.content


def test_a_defect_is_told_even_when_the_page_for_it_is_broken(settings):
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
    response = error_pages.server_error(RequestFactory().get("/"))
    assert response.status_code == 500
    assert b"Graft made a mistake" in response.content


def test_a_form_without_its_token_is_explained(cast):
    client = Client(enforce_csrf_checks=True)
    with override_settings(CSRF_FAILURE_VIEW="finetune_app.web.error_pages.csrf_failure"):
        response = client.post("/sign-in", {"username": "owner"})
    assert response.status_code == 403
    assert b"load the page again" in response.content


@pytest.mark.usefixtures("broken_pages")
def test_every_response_says_what_the_page_may_load(settings):
    settings.MIDDLEWARE = ["finetune_app.web.middleware.ContentSecurityPolicyMiddleware"]
    for response in (Client().get("/fine"), async_to_sync(AsyncClient().get)("/fine")):
        assert "script-src 'self'" in response["Content-Security-Policy"]
