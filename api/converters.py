"""What may stand in an address."""

from django.urls.converters import StringConverter


class TextConverter(StringConverter):
    """A number or identity of somebody's choice, slashes included; without NUL, which no database compares."""

    regex = "[^\0]+?"
