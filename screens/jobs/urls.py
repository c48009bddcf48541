from django.urls import path

from .views import CancelView, DownloadView, ExportView, JobPage, JobsPage

urlpatterns = [
    path("jobs/", JobsPage.as_view(), name="jobs"),
    path("jobs/export/", ExportView.as_view(), name="job_export"),
    path("jobs/<uuid:pk>/", JobPage.as_view(), name="job"),
    path("jobs/<uuid:pk>/file/", DownloadView.as_view(), name="job_file"),
    path("jobs/<uuid:pk>/cancel/", CancelView.as_view(), name="job_cancel"),
]
