"""Chargers as a table."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from .models import ChargePoint, Site
from .sheet_resource import ImportableResource
from .spreadsheets import Column, NumberWidget, TextWidget, UtcWidget


class SiteWidget(TextWidget):
    """A site by its name; one that does not exist is made. What an import has read or made, it knows."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, Site] = {}

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        name = super().clean(value).strip()
        if not name:
            return None
        if len(name) > 100:
            raise ValueError(_("The name of the site is longer than 100 characters."))
        if name not in self._known:
            self._known[name] = Site.objects.get_or_create(name=name)[0]
        return self._known[name]


class ChargePointResource(ImportableResource):
    """Import: identity, name, site, notes. Approval is a person's decision and never comes out of a file."""

    RELATED: ClassVar[tuple[str, ...]] = ("site",)

    identity = Column("identity", "identity")
    name = Column("name", "name")
    site = Column("site", "site", SiteWidget())
    notes = Column("notes", "notes")
    registration_status = Column("registration_status", "registration_status", readonly=True)
    vendor = Column("vendor", "vendor", readonly=True)
    model = Column("model", "model", readonly=True)
    serial_number = Column("serial_number", "serial_number", readonly=True)
    firmware_version = Column("firmware_version", "firmware_version", readonly=True)
    security_profile = Column("security_profile", "security_profile", NumberWidget(), readonly=True)
    last_seen_at = Column("last_seen_at_utc", "last_seen_at", UtcWidget(), readonly=True)
    created_at = Column("created_at_utc", "created_at", UtcWidget(), readonly=True)

    class Meta:
        model = ChargePoint
        import_id_fields = ("identity",)

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        super().before_import_row(row, **kwargs)
        if not self._identity.widget.clean(row["identity"]).isprintable():
            raise ValidationError({"identity": _("Only printable characters can be part of an address.")})
