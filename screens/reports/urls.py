from django.urls import path

from .views import ExportView, ReportPage, StatementPage

urlpatterns = [
    path("reports/", ReportPage.as_view(), name="reports"),
    path("reports/statement/", StatementPage.as_view(), name="report_statement"),
    path("reports/export/", ExportView.as_view(), name="report_export"),
]
