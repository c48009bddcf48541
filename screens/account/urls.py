from django.urls import path

from .views import AccountPage, ChangePassword, Login, Logout, SetPassword

urlpatterns = [
    path("account/", AccountPage.as_view(), name="account"),
    path("account/password/", ChangePassword.as_view(), name="password_change"),
    path("login/", Login.as_view(), name="login"),
    path("logout/", Logout.as_view(), name="logout"),
    path("invitation/<uidb64>/<token>/", SetPassword.as_view(), name="set_password"),
]
