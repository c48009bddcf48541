from django.urls import path

from .assigning import AssignProfile
from .editing import AddProfile, EditProfile
from .library import ArchiveProfile, ProfileList, ProfilePage, RestoreProfile
from .of_charger import ClearAll, ClearOne, ClearSome, Compare

urlpatterns = [
    path("profiles/", ProfileList.as_view(), name="profiles"),
    path("profiles/add/", AddProfile.as_view(), name="profile_add"),
    path("profiles/assign/", AssignProfile.as_view(), name="profile_assign"),
    path("profiles/<int:pk>/", ProfilePage.as_view(), name="profile"),
    path("profiles/<int:pk>/edit/", EditProfile.as_view(), name="profile_edit"),
    path("profiles/<int:pk>/archive/", ArchiveProfile.as_view(), name="profile_archive"),
    path("profiles/<int:pk>/restore/", RestoreProfile.as_view(), name="profile_restore"),
    path("profiles/assigned/<int:pk>/clear/", ClearOne.as_view(), name="assignment_clear"),
    path("chargers/<int:pk>/profiles/clear/", ClearSome.as_view(), name="charger_profiles_clear"),
    path("chargers/<int:pk>/profiles/clear-all/", ClearAll.as_view(), name="charger_profiles_clear_all"),
    path("chargers/<int:pk>/profiles/compare/", Compare.as_view(), name="charger_profiles_compare"),
]
