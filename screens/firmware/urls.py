from django.urls import path

from .campaigns import CampaignList, CampaignPage, SteerCampaign
from .library import AddFirmware, ArchiveFirmware, DownloadFirmware, FirmwarePage, Library
from .new_campaign import NewCampaign
from .station_files import DeleteFile, DownloadFile, Fetch, FileList
from .updates import CancelUpdate, UpdateCharger, UpdateList, UpdatePage

urlpatterns = [
    path("firmware/", Library.as_view(), name="firmware"),
    path("firmware/add/", AddFirmware.as_view(), name="firmware_add"),
    path("firmware/<int:pk>/", FirmwarePage.as_view(), name="firmware_file"),
    path("firmware/<int:pk>/archive/", ArchiveFirmware.as_view(), name="firmware_archive"),
    path("firmware/<int:pk>/download/", DownloadFirmware.as_view(), name="firmware_download"),
    path("firmware/updates/", UpdateList.as_view(), name="firmware_updates"),
    path("firmware/updates/<uuid:pk>/", UpdatePage.as_view(), name="firmware_update"),
    path("firmware/updates/<uuid:pk>/cancel/", CancelUpdate.as_view(), name="firmware_update_cancel"),
    path("firmware/campaigns/", CampaignList.as_view(), name="campaigns"),
    path("firmware/campaigns/add/", NewCampaign.as_view(), name="campaign_add"),
    path("firmware/campaigns/<uuid:pk>/", CampaignPage.as_view(), name="campaign"),
    path("firmware/campaigns/<uuid:pk>/<str:action>/", SteerCampaign.as_view(), name="campaign_steer"),
    path("files/", FileList.as_view(), name="station_files"),
    path("files/<int:pk>/download/", DownloadFile.as_view(), name="station_file_download"),
    path("files/<int:pk>/delete/", DeleteFile.as_view(), name="station_file_delete"),
    path("chargers/<int:pk>/firmware/", UpdateCharger.as_view(), name="charger_update"),
    path("chargers/<int:pk>/fetch/", Fetch.as_view(), name="charger_fetch"),
]
