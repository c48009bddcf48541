from django.urls import path

from .actions import Deactivate, Invite, LinkTag, Reactivate, RemoveSecondFactor, UnlinkTag
from .personal_data import PersonalData
from .views import PeopleList, PersonPage

urlpatterns = [
    path("people/", PeopleList.as_view(), name="people"),
    path("people/add/", PersonPage.as_view(), name="person_add"),
    path("people/<int:pk>/", PersonPage.as_view(), name="person"),
    path("people/<int:pk>/invite/", Invite.as_view(), name="person_invite"),
    path("people/<int:pk>/deactivate/", Deactivate.as_view(), name="person_deactivate"),
    path("people/<int:pk>/reactivate/", Reactivate.as_view(), name="person_reactivate"),
    path("people/<int:pk>/second-factor/remove/", RemoveSecondFactor.as_view(), name="person_second_factor_remove"),
    path("people/<int:pk>/data/", PersonalData.as_view(), name="person_data"),
    path("tags/<int:pk>/data/", PersonalData.as_view(kind="tag"), name="tag_data"),
    path("people/<int:pk>/tags/", LinkTag.as_view(), name="person_tag_link"),
    path("people/<int:pk>/tags/<int:tag>/unlink/", UnlinkTag.as_view(), name="person_tag_unlink"),
]
