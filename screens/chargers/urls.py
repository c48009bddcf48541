from django.urls import path

from . import bulk, configuration, editing, listing, page, passwords, telling

urlpatterns = [
    path("chargers/", listing.ChargerList.as_view(), name="chargers"),
    path("chargers/export/", listing.ChargerExport.as_view(), name="chargers_export"),
    path("chargers/selected/", bulk.Bulk.as_view(), name="chargers_selected"),
    path("chargers/add/", editing.Add.as_view(), name="charger_add"),
    path("chargers/<int:pk>/", page.ChargerPage.as_view(), name="charger"),
    path("chargers/<int:pk>/edit/", editing.Edit.as_view(), name="charger_edit"),
    path("chargers/<int:pk>/archive/", editing.Archive.as_view(), name="charger_archive"),
    path("chargers/<int:pk>/restore/", editing.Restore.as_view(), name="charger_restore"),
    path(
        "chargers/<int:pk>/password/generate/", passwords.GeneratePassword.as_view(), name="charger_generate_password"
    ),
    path("chargers/<int:pk>/password/set/", passwords.SetPassword.as_view(), name="charger_set_password"),
    path("chargers/<int:pk>/password/remove/", passwords.RemovePassword.as_view(), name="charger_remove_password"),
    path("chargers/<int:pk>/password/rotate/", telling.Rotate.as_view(), name="charger_rotate_password"),
    path("chargers/<int:pk>/configuration/read/", telling.Read.as_view(), name="charger_read_configuration"),
    path("chargers/<int:pk>/configuration/apply/", telling.Apply.as_view(), name="charger_apply_template"),
    path(
        "chargers/<int:pk>/configuration.json", configuration.ConfigurationFile.as_view(), name="charger_configuration"
    ),
]
