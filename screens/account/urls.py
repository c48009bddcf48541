from django.urls import path

from ..people.personal_data import OwnData
from .codes import LoginCode, NewRecoveryCodes, RemoveSecondFactor, SecondFactor
from .views import AccountPage, ChangePassword, Login, Logout, SetPassword

urlpatterns = [
    path("account/", AccountPage.as_view(), name="account"),
    path("account/password/", ChangePassword.as_view(), name="password_change"),
    path("account/data/", OwnData.as_view(), name="own_data"),
    path("account/second-factor/", SecondFactor.as_view(), name="second_factor"),
    path("account/second-factor/codes/", NewRecoveryCodes.as_view(), name="second_factor_codes"),
    path("account/second-factor/remove/", RemoveSecondFactor.as_view(), name="second_factor_remove"),
    path("login/", Login.as_view(), name="login"),
    path("login/code/", LoginCode.as_view(), name="login_code"),
    path("logout/", Logout.as_view(), name="logout"),
    path("invitation/<uidb64>/<token>/", SetPassword.as_view(), name="set_password"),
]
