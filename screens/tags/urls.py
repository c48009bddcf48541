from django.urls import path

from .changes import ChangeTag, ChangeTags
from .groups import AddGroup, ChangeGroup, GroupList, GroupPage
from .import_pages import ImportPreview, ImportTags, ImportTemplate
from .learn import Learn
from .listing import TagExport, TagList
from .local_lists import ChangeLocalLists, LocalLists, SwitchOn
from .page import AddTag, TagPage
from .unknown import ChangeUnknownTag, UnknownTagList

urlpatterns = [
    path("tags/", TagList.as_view(), name="tags"),
    path("tags/add/", AddTag.as_view(), name="tag_add"),
    path("tags/change/", ChangeTags.as_view(), name="tags_change"),
    path("tags/export/", TagExport.as_view(), name="tags_export"),
    path("tags/<int:pk>/", TagPage.as_view(), name="tag"),
    path("tags/<int:pk>/<slug:action>/", ChangeTag.as_view(), name="tag_change"),
    path("tags/groups/", GroupList.as_view(), name="tag_groups"),
    path("tags/groups/add/", AddGroup.as_view(), name="tag_group_add"),
    path("tags/groups/<int:pk>/", GroupPage.as_view(), name="tag_group"),
    path("tags/groups/<int:pk>/<slug:action>/", ChangeGroup.as_view(), name="tag_group_change"),
    path("tags/unknown/", UnknownTagList.as_view(), name="unknown_tags"),
    path("tags/unknown/<int:pk>/<slug:action>/", ChangeUnknownTag.as_view(), name="unknown_tag_change"),
    path("tags/learn/", Learn.as_view(), name="tag_learn"),
    path("tags/import/", ImportTags.as_view(), name="tag_import"),
    path("tags/import/preview/", ImportPreview.as_view(), name="tag_import_preview"),
    path("tags/import/template/", ImportTemplate.as_view(), name="tag_import_template"),
    path("tags/local-lists/", LocalLists.as_view(), name="local_lists"),
    path("tags/local-lists/change/", ChangeLocalLists.as_view(), name="local_lists_change"),
    path("tags/local-lists/switch-on/", SwitchOn.as_view(), name="local_lists_switch_on"),
]
