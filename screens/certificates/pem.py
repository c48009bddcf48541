"""Certificates and requests as files."""

from __future__ import annotations

from django.http import HttpResponse


def pem_file(pem: str, name: str) -> HttpResponse:
    """PEM as a download; `name` without its ending, made of letters, digits, hyphens."""
    response = HttpResponse(pem, content_type="application/x-pem-file")
    response.headers["Content-Disposition"] = f'attachment; filename="plugcontrol-{name[:100] or "certificate"}.pem"'
    return response
