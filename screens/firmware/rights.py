"""Who may see and do what in this chapter.

The library belongs to no site: whoever works at one may read it and use it there; changing it takes the permission
everywhere. Updates and files lie with their charger; a campaign is seen by those who see one of its chargers, and
steered by those who may send to all of them.
"""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from people.access import Access
from transfers.models import Campaign, FirmwareFile, FirmwareUpdate, StationFile

SEND = "stations.send_command"
VIEW_FIRMWARE = "transfers.view_firmwarefile"
ADD_FIRMWARE = "transfers.add_firmwarefile"
CHANGE_FIRMWARE = "transfers.change_firmwarefile"
VIEW_UPDATES = "transfers.view_firmwareupdate"
VIEW_CAMPAIGNS = "transfers.view_campaign"
ADD_CAMPAIGN = "transfers.add_campaign"
CHANGE_CAMPAIGN = "transfers.change_campaign"
VIEW_FILES = "transfers.view_stationfile"
DOWNLOAD_FILES = "transfers.download_stationfile"
DELETE_FILES = "transfers.delete_stationfile"
VIEW_TRANSFERS = "transfers.view_transfer"


def visible_updates(access: Access, permission: str = VIEW_UPDATES) -> QuerySet[FirmwareUpdate]:
    return access.narrow(FirmwareUpdate.objects.all(), permission, "charge_point__site")


def visible_files(access: Access, permission: str = VIEW_FILES) -> QuerySet[StationFile]:
    return access.narrow(StationFile.objects.all(), permission, "charge_point__site")


def visible_campaigns(access: Access) -> QuerySet[Campaign]:
    """Campaigns with a charger of the reader's sites, among others."""
    if access.everywhere(VIEW_CAMPAIGNS):
        return Campaign.objects.all()
    own = visible_updates(access, VIEW_CAMPAIGNS).filter(campaign=OuterRef("pk"))
    return Campaign.objects.filter(Exists(own))


def may_steer(access: Access, campaign: Campaign) -> bool:
    """Whether the reader may pause, resume, cancel and repeat a campaign: who may do so at all of its chargers."""
    if access.everywhere(CHANGE_CAMPAIGN):
        return True
    if not access.somewhere(CHANGE_CAMPAIGN):
        return False
    return not campaign.updates.exclude(pk__in=visible_updates(access, CHANGE_CAMPAIGN).values("pk")).exists()


def usable_firmware() -> QuerySet[FirmwareFile]:
    return FirmwareFile.objects.filter(archived_at=None)
