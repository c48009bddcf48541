from django.urls import path

from .closing import CloseTransaction
from .downloads import ExportTransactions, Readings, SignedData
from .listing import Transactions
from .page import TransactionPage
from .stops import AttachStop, Stops

urlpatterns = [
    path("transactions/", Transactions.as_view(), name="transactions"),
    path("transactions/export/<str:format>/", ExportTransactions.as_view(), name="transactions_export"),
    path("transactions/stops/", Stops.as_view(), name="stops"),
    path("transactions/stops/<int:pk>/", AttachStop.as_view(), name="attach_stop"),
    path("transactions/<int:pk>/", TransactionPage.as_view(), name="transaction"),
    path("transactions/<int:pk>/close/", CloseTransaction.as_view(), name="close_transaction"),
    path("transactions/<int:pk>/meter-values/<str:format>/", Readings.as_view(), name="transaction_readings"),
    path("transactions/<int:pk>/signed/<int:reading>/<int:position>/", SignedData.as_view(), name="signed_value"),
]
