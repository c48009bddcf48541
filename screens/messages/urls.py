from django.urls import path

from .download import MessageDownload
from .views import MessageLog, MessagePage

urlpatterns = [
    path("messages/", MessageLog.as_view(), name="messages"),
    path("messages/download/", MessageDownload.as_view(), name="messages_download"),
    path("messages/<int:pk>/", MessagePage.as_view(), name="message"),
]
