"""Ask the plugin for responses, and look at status, headers and body."""

import pytest


def test_the_service_is_well(mockforge_plugin, mockforge_request):
    reply = mockforge_plugin.generate_response(mockforge_request.response("GET", "/health"))

    assert reply.status_code == 200
    assert reply.text == "ok"
    assert reply.header("Cache-Control") == "no-store"


def test_a_user_is_shown_as_json(mockforge_plugin, mockforge_request):
    request = mockforge_request.response("GET", "/users/2", path_params={"id": "2"})
    reply = mockforge_plugin.generate_response(request)

    assert reply.content_type == "application/json"
    assert reply.json() == {"id": 2, "name": "Björn Ångström", "active": True}


def test_a_user_is_created(mockforge_plugin, mockforge_request):
    request = mockforge_request.response("POST", "/users", query={"name": "Zoë"})
    reply = mockforge_plugin.generate_response(request)

    assert reply.status_code == 201
    assert reply.header("location") == "/users/7"


@pytest.mark.parametrize(("language", "greeting"), [("de", "Grüß dich, Ada!"), ("el", "Γεια σου, Ada!")])
def test_greetings_are_translated(mockforge_plugin, mockforge_request, language, greeting):
    request = mockforge_request.response("GET", "/greeting/Ada", query={"lang": language})
    assert mockforge_plugin.generate_response(request).text == greeting


def test_an_image_is_bytes(mockforge_plugin, mockforge_request):
    reply = mockforge_plugin.generate_response(mockforge_request.response("GET", "/pixel.gif"))

    assert reply.content_type == "image/gif"
    assert reply.body.startswith(b"GIF89a")


def test_what_is_not_there_is_not_found(mockforge_plugin, mockforge_request):
    reply = mockforge_plugin.generate_response(mockforge_request.response("GET", "/nowhere"))

    assert reply.status_code == 404
    assert reply.json() == {"error": "not found"}
