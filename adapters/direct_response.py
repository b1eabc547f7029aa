"""A file of a version for a program: from Graft, or by a redirect from the storage itself, where settings allow it."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from finetune_app.storage.direct import direct_address
from finetune_app.web.ranged import Content, ranged_response

ELSEWHERE = 307


def file_response(request: HttpRequest, content: Content) -> HttpResponseBase:
    """The answer to GET or HEAD for one stored file.

    Only for programs: the storage knows the file by its SHA-256, and a browser would save it under that name.
    """
    answer = ranged_response(request, content)
    # HEAD and conditions are answered here: nobody needs the storage to hear a size, or that there is nothing new.
    if request.method != "GET" or answer.status_code not in {200, 206}:
        return answer
    address = direct_address(content.sha256)
    if address is None:
        return answer
    answer.close()
    return HttpResponse(status=ELSEWHERE, headers={"Location": address, "Cache-Control": "no-store"})
