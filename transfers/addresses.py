"""Where stations fetch and deliver files: the addresses that are written into commands, by the ways both sides know."""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from plugcontrol.addresses import page_address
from stations.commands import CommandRefused
from stations.models import ChargePoint, ConfigurationKey

Way = Literal["http", "https", "ftp"]

#: Every address over HTTP begins with it; the token follows.
PATH = "/transfers/"
PROTOCOLS_KEY = "SupportedFileTransferProtocols"


class NoWay(CommandRefused):
    """Station and server have no way of transferring files in common."""


def ways_offered() -> tuple[Way, ...]:
    """The ways this server has, best first: what FILES_URL names, then that of the pages, then FTP."""
    return (*_bases(), "ftp") if settings.FTP_ADDRESS else tuple(_bases())


def ways_of(charge_point: ChargePoint) -> tuple[Way, ...]:
    """The ways that this server offers and the station knows, best first; all that are offered if it never said."""
    known = protocols_of(charge_point)
    return tuple(way for way in ways_offered() if not known or way.upper() in known)


def protocols_of(charge_point: ChargePoint) -> tuple[str, ...]:
    """SupportedFileTransferProtocols in capitals, such as ("FTP", "HTTP"); empty if the station never said (§9.2)."""
    rows = ConfigurationKey.objects.filter(charge_point=charge_point.pk, key__iexact=PROTOCOLS_KEY)
    value = rows.values_list("value", flat=True).first() or ""
    return tuple(protocol for item in value.replace(";", ",").split(",") if (protocol := item.strip().upper()))


def choose_way(charge_point: ChargePoint, wanted: Way | None = None) -> Way:
    """`wanted` if this server offers it, whatever the station says; else the best of both. Raises NoWay."""
    if wanted is not None:
        if wanted not in ways_offered():
            raise NoWay(_why_not(wanted))
        return wanted
    ways = ways_of(charge_point)
    if not ways:
        raise NoWay(_why_none(charge_point))
    return ways[0]


def location(way: Way, *, token: str, ftp_user: str, file_name: str = "") -> str:
    """The address of one transfer: of a folder, or of the file in it that is to be fetched."""
    name = quote(file_name, safe="")
    if way == "ftp":
        return f"ftp://{ftp_user}:{token}@{settings.FTP_ADDRESS}/{name}"
    return f"{_bases()[way]}{PATH}{token}/{name}"


def roots_of_files() -> tuple[str, ...]:
    """What the addresses of all files begin with, best first: for people who set up a network."""
    over_http = tuple(f"{base}{PATH}" for base in _bases().values())
    return (*over_http, f"ftp://{settings.FTP_ADDRESS}/") if settings.FTP_ADDRESS else over_http


def _bases() -> dict[Way, str]:
    """`scheme://host[:port][/folder]` for each scheme of HTTP that we have an address for, best first."""
    bases: dict[Way, str] = {}
    for address in (settings.FILES_URL, page_address()):
        scheme = urlsplit(address).scheme
        if scheme == "http":
            bases.setdefault("http", address)
        elif scheme == "https":
            bases.setdefault("https", address)
    return bases


def _why_not(way: Way) -> str:
    if way == "ftp":
        return _("This server has no FTP: set FTP_ADDRESS and start it with `make ftp`.")
    return _("This server has no address for files over %(way)s: set FILES_URL.") % {"way": way.upper()}


def _why_none(charge_point: ChargePoint) -> str:
    ways = {
        "charger": ", ".join(protocols_of(charge_point)),
        "server": ", ".join(way.upper() for way in ways_offered()),
    }
    text = _(
        "The charger transfers files over %(charger)s, this server over %(server)s. Set FILES_URL or FTP_ADDRESS so "
        "that they have one in common."
    )
    return text % ways
