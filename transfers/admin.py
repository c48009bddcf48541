"""Firmware, updates, campaigns, files and transfers as records; people work with them on their own pages."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from stations.admin.on_screen import OnScreen
from stations.admin.pages import ArchivedFilter, badge, link, moment

from .models import Campaign, FirmwareFile, FirmwareUpdate, StationFile, Transfer

_OF_CHARGER = ("charge_point__identity", "charge_point__name")


@admin.register(FirmwareFile)
class FirmwareFileAdmin(OnScreen[FirmwareFile]):
    screen = "screens:firmware_file"
    list_display = ("__str__", "vendor", "model", "size", "is_signed", "uploaded_at")
    list_filter = (ArchivedFilter,)
    search_fields = ("name", "version", "vendor", "model", "sha256")
    search_help_text = _("Search by name, version, vendor, model or SHA-256.")
    fields = (
        *("name", "version", "vendor", "model", "file_name", "size", "sha256", "signature", "signing_certificate"),
        *("notes", "uploaded_by", "uploaded_at", "archived_at"),
    )

    @admin.display(description=_("signed"), boolean=True)
    def is_signed(self, firmware: FirmwareFile) -> bool:
        return firmware.is_signed


@admin.register(Campaign)
class CampaignAdmin(OnScreen[Campaign]):
    screen = "screens:campaign"
    list_display = ("name", "firmware", "shown_state", "actor", "created_at", "ended_at")
    list_filter = ("state",)
    list_select_related = ("firmware",)
    search_fields = ("name", "actor")
    search_help_text = _("Search by name or who began it.")
    fields = (
        *("name", "firmware", "state", "signed", "begins_at", "ends_at", "at_once", "per_minute", "while_charging"),
        *("retries", "created_by", "source", "actor", "remote_address", "created_at", "ended_at"),
    )

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, campaign: Campaign) -> SafeString:
        return badge(campaign.state, campaign.get_state_display())


@admin.register(FirmwareUpdate)
class FirmwareUpdateAdmin(OnScreen[FirmwareUpdate]):
    screen = "screens:firmware_update"
    list_display = ("begun", "charger", "firmware", "shown_state", "failure", "status")
    list_filter = ("state", "failure")
    list_select_related = ("charge_point", "firmware")
    search_fields = (*_OF_CHARGER, "firmware__name", "firmware__version")
    search_help_text = _("Search by charger or firmware.")
    fields = (
        *("charger", "firmware", "campaign_link", "state", "failure", "status", "steps", "signed", "request_id"),
        *("tries", "command_link", "version_before", "version_after", "retrieve_at", "install_at", "created_at"),
        *("next_try_at", "begun_at", "reported_at", "asked_at", "due_at", "ended_at"),
    )
    readonly_fields = ("charger", "campaign_link", "command_link")

    @admin.display(description=_("created"), ordering="created_at")
    def begun(self, update: FirmwareUpdate) -> str:
        return moment(update.created_at)

    @admin.display(description=_("charger"))
    def charger(self, update: FirmwareUpdate) -> SafeString | str:
        return link(update.charge_point)

    @admin.display(description=_("campaign"))
    def campaign_link(self, update: FirmwareUpdate) -> SafeString | str:
        return link(update.campaign)

    @admin.display(description=_("command"))
    def command_link(self, update: FirmwareUpdate) -> SafeString | str:
        return link(update.command)

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, update: FirmwareUpdate) -> SafeString:
        return badge(update.state, update.get_state_display())


@admin.register(Transfer)
class TransferAdmin(OnScreen[Transfer]):
    """Without the hash of the token: it is of no use to anybody."""

    list_display = ("created", "charger", "kind", "direction", "bytes_done", "done_at", "problem")
    list_filter = ("direction", "kind", "problem")
    list_select_related = ("charge_point",)
    search_fields = (*_OF_CHARGER, "remote_address")
    search_help_text = _("Search by charger or address.")
    fields = (
        *("charger", "direction", "kind", "firmware", "command_link", "max_bytes", "created_at", "expires_at"),
        *("first_used_at", "done_at", "bytes_done", "remote_address", "problem", "problem_at"),
    )
    readonly_fields = ("charger", "command_link")

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, transfer: Transfer) -> str:
        return moment(transfer.created_at)

    @admin.display(description=_("charger"))
    def charger(self, transfer: Transfer) -> SafeString | str:
        return link(transfer.charge_point)

    def screen_url(self, transfer: Transfer) -> str:
        return f"{reverse('screens:charger', args=[transfer.charge_point_id])}?tab=firmware"

    @admin.display(description=_("command"))
    def command_link(self, transfer: Transfer) -> SafeString | str:
        return link(transfer.command)


@admin.register(StationFile)
class StationFileAdmin(OnScreen[StationFile]):
    list_display = ("received", "charger", "kind", "file_name", "size", "over", "deleted_at")
    list_filter = ("kind", "over")
    list_select_related = ("charge_point",)
    search_fields = (*_OF_CHARGER, "file_name", "sha256")
    search_help_text = _("Search by charger, file name or SHA-256.")
    fields = (
        *("charger", "transfer_link", "kind", "file_name", "size", "sha256", "over", "remote_address"),
        *("received_at", "deleted_at"),
    )
    readonly_fields = ("charger", "transfer_link")

    @admin.display(description=_("received"), ordering="received_at")
    def received(self, file: StationFile) -> str:
        return moment(file.received_at)

    @admin.display(description=_("charger"))
    def charger(self, file: StationFile) -> SafeString | str:
        return link(file.charge_point)

    @admin.display(description=_("transfer"))
    def transfer_link(self, file: StationFile) -> SafeString | str:
        return link(file.transfer)

    def screen_url(self, file: StationFile) -> str:
        return f"{reverse('screens:charger', args=[file.charge_point_id])}?tab=firmware"
