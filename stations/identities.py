"""What may be typed as a charger's identity."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


def clean_identity(typed: str, known: str = "") -> str:
    """The identity somebody typed; raises ValidationError for one that cannot be part of an address.

    A charger may really call itself " A1": one that is `known` stays as it is, a typed one loses stray blanks.
    """
    if not typed.isprintable():
        raise ValidationError(_("Only printable characters can be part of an address."))
    return typed if typed == known else typed.strip()
