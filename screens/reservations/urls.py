from django.urls import path

from .views import CancelReservation, Conflicts, NewReservation, ReservationList

urlpatterns = [
    path("reservations/", ReservationList.as_view(), name="reservations"),
    path("reservations/new/", NewReservation.as_view(), name="reservation_new"),
    path("reservations/conflicts/", Conflicts.as_view(), name="reservation_conflicts"),
    path("reservations/<int:pk>/cancel/", CancelReservation.as_view(), name="reservation_cancel"),
]
