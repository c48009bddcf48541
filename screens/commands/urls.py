from django.urls import path

from .batches import BatchList, BatchPage, CancelBatch, RetryBatch
from .many import SendMany
from .sending import Choose, Send, TagSuggestions
from .views import CancelCommands, CommandList, CommandPage

urlpatterns = [
    path("chargers/send/", SendMany.as_view(), name="send_many"),
    path("chargers/send/tags/", TagSuggestions.as_view(), name="tag_suggestions"),
    path("chargers/<int:pk>/send/", Choose.as_view(), name="choose"),
    path("chargers/<int:pk>/send/<str:action>/", Send.as_view(), name="send"),
    path("commands/", CommandList.as_view(), name="commands"),
    path("commands/cancel/", CancelCommands.as_view(), name="cancel_commands"),
    path("commands/<uuid:pk>/", CommandPage.as_view(), name="command"),
    path("batches/", BatchList.as_view(), name="batches"),
    path("batches/<uuid:pk>/", BatchPage.as_view(), name="batch"),
    path("batches/<uuid:pk>/cancel/", CancelBatch.as_view(), name="cancel_batch"),
    path("batches/<uuid:pk>/retry/", RetryBatch.as_view(), name="retry_batch"),
]
