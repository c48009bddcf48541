"""Static files, served by whitenoise."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # whitenoise has no types
    """Sends a file whole. Whitenoise streams it from a synchronous iterator, which Django under ASGI collects whole
    anyway, with a warning for each file (https://github.com/evansd/whitenoise/issues/531); ours are small.
    """

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        found = static_file.get_response(request.method, request.META)
        content = b""
        if found.file is not None:
            with found.file:
                content = found.file.read()
        response = HttpResponse(content, status=int(found.status))
        del response["Content-Type"]  # whitenoise's headers are complete
        for name, value in found.headers:
            response[name] = value
        return response
