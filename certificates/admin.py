"""Certificates, requests, roots and upgrades as records; people work with them on their own pages."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from stations.admin.on_screen import OnScreen
from stations.admin.pages import ArchivedFilter, badge, link, moment

from .models import InstalledCertificate, RootCertificate, SecurityUpgrade, SigningRequest, StationCertificate

_OF_CHARGER = ("charge_point__identity", "charge_point__name")


@admin.register(StationCertificate)
class StationCertificateAdmin(OnScreen[StationCertificate]):
    screen = "screens:certificate"
    list_display = ("subject", "charger", "until", "is_ours", "revocation")
    list_filter = ("is_ours", "revocation")
    list_select_related = ("charge_point",)
    search_fields = (*_OF_CHARGER, "subject", "serial_number", "sha256")
    search_help_text = _("Search by charger, subject, serial number or SHA-256.")
    fields = (
        *("charger", "subject", "issuer", "serial_number", "sha256", "key_text", "not_before", "until", "is_ours"),
        *("created_at", "delivered_at", "used_at", "last_used_at", "revoked_at", "revocation", "revoked_by", "chain"),
    )
    readonly_fields = ("charger", "until")

    @admin.display(description=_("charger"))
    def charger(self, certificate: StationCertificate) -> SafeString | str:
        return link(certificate.charge_point)

    @admin.display(description=_("valid until"), ordering="not_after")
    def until(self, certificate: StationCertificate) -> str:
        return moment(certificate.not_after)


@admin.register(SigningRequest)
class SigningRequestAdmin(OnScreen[SigningRequest]):
    screen = "screens:signing_request"
    list_display = ("received", "charger", "subject", "shown_state", "problem", "decided_by")
    list_filter = ("state", "problem")
    list_select_related = ("charge_point",)
    search_fields = (*_OF_CHARGER, "subject")
    search_help_text = _("Search by charger or subject.")
    fields = (
        *("charger", "subject", "key_text", "state", "problem", "certificate_link", "command_link", "deliveries"),
        *("next_delivery_at", "decided_by", "received_at", "ended_at", "pem"),
    )
    readonly_fields = ("charger", "certificate_link", "command_link")

    @admin.display(description=_("received"), ordering="received_at")
    def received(self, row: SigningRequest) -> str:
        return moment(row.received_at)

    @admin.display(description=_("charger"))
    def charger(self, row: SigningRequest) -> SafeString | str:
        return link(row.charge_point)

    @admin.display(description=_("certificate"))
    def certificate_link(self, row: SigningRequest) -> SafeString | str:
        return link(row.certificate)

    @admin.display(description=_("command"))
    def command_link(self, row: SigningRequest) -> SafeString | str:
        return link(row.command)

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, row: SigningRequest) -> SafeString:
        return badge(row.state, row.get_state_display())


@admin.register(RootCertificate)
class RootCertificateAdmin(OnScreen[RootCertificate]):
    screen = "screens:root_certificate"
    list_display = ("name", "use", "subject", "until")
    list_filter = ("use", ArchivedFilter)
    search_fields = ("name", "subject", "sha256")
    search_help_text = _("Search by name, subject or SHA-256.")
    fields = (
        *("name", "use", "subject", "sha256", "not_before", "until", "created_by", "created_at", "archived_at"),
        "pem",
    )
    readonly_fields = ("until",)

    @admin.display(description=_("valid until"), ordering="not_after")
    def until(self, root: RootCertificate) -> str:
        return moment(root.not_after)


class OnSecurityTab:
    """Records whose page is their charger's tab."""

    def screen_url(self, row: InstalledCertificate | SecurityUpgrade) -> str:
        return reverse("screens:charger", args=[row.charge_point_id]) + "?tab=security"


@admin.register(InstalledCertificate)
class InstalledCertificateAdmin(OnSecurityTab, OnScreen[InstalledCertificate]):
    list_display = ("__str__", "charger", "use", "read")
    list_filter = ("use",)
    list_select_related = ("charge_point", "root")
    search_fields = (*_OF_CHARGER, "serial_number")
    search_help_text = _("Search by charger or serial number.")
    fields = (
        *("charger", "use", "root_link", "hash_algorithm", "issuer_name_hash", "issuer_key_hash", "serial_number"),
        "read_at",
    )
    readonly_fields = ("charger", "root_link")

    @admin.display(description=_("charger"))
    def charger(self, row: InstalledCertificate) -> SafeString | str:
        return link(row.charge_point)

    @admin.display(description=_("certificate"))
    def root_link(self, row: InstalledCertificate) -> SafeString | str:
        return link(row.root)

    @admin.display(description=_("read"), ordering="read_at")
    def read(self, row: InstalledCertificate) -> str:
        return moment(row.read_at)


@admin.register(SecurityUpgrade)
class SecurityUpgradeAdmin(OnSecurityTab, OnScreen[SecurityUpgrade]):
    list_display = ("begun", "charger", "profile", "shown_state", "step", "problem", "actor")
    list_filter = ("state", "profile")
    list_select_related = ("charge_point",)
    search_fields = (*_OF_CHARGER, "actor")
    search_help_text = _("Search by charger or who began it.")
    fields = (
        *("charger", "profile", "profile_before", "root_link", "state", "step", "problem", "details", "steps"),
        *("tries", "created_by", "actor", "created_at", "step_at", "due_at", "ended_at"),
    )
    readonly_fields = ("charger", "root_link")

    @admin.display(description=_("created"), ordering="created_at")
    def begun(self, upgrade: SecurityUpgrade) -> str:
        return moment(upgrade.created_at)

    @admin.display(description=_("charger"))
    def charger(self, upgrade: SecurityUpgrade) -> SafeString | str:
        return link(upgrade.charge_point)

    @admin.display(description=_("root certificate"))
    def root_link(self, upgrade: SecurityUpgrade) -> SafeString | str:
        return link(upgrade.root)

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, upgrade: SecurityUpgrade) -> SafeString:
        return badge(upgrade.state, upgrade.get_state_display())
