from django.urls import path

from .ca import AuthorityFile, AuthorityPage
from .issued import CertificateFile, CertificatePage, Certificates, Revoke
from .requests import Refuse, RequestFile, RequestPage, Requests, Sign, Take
from .roots import AddRoot, ArchiveRoot, InstallRoot, RootFile, RootPage, Roots
from .station import (
    AskForCertificate,
    BeginUpgrade,
    CancelUpgrade,
    CarryOn,
    InstallRootHere,
    ReadRoots,
    RemoveRoot,
)

urlpatterns = [
    path("certificates/", Certificates.as_view(), name="certificates"),
    path("certificates/<int:pk>/", CertificatePage.as_view(), name="certificate"),
    path("certificates/<int:pk>/certificate.pem", CertificateFile.as_view(), name="certificate_file"),
    path("certificates/<int:pk>/revoke/", Revoke.as_view(), name="certificate_revoke"),
    path("certificates/requests/", Requests.as_view(), name="signing_requests"),
    path("certificates/requests/<int:pk>/", RequestPage.as_view(), name="signing_request"),
    path("certificates/requests/<int:pk>/request.pem", RequestFile.as_view(), name="signing_request_file"),
    path("certificates/requests/<int:pk>/sign/", Sign.as_view(), name="signing_request_sign"),
    path("certificates/requests/<int:pk>/refuse/", Refuse.as_view(), name="signing_request_refuse"),
    path("certificates/requests/<int:pk>/upload/", Take.as_view(), name="signing_request_upload"),
    path("certificates/roots/", Roots.as_view(), name="root_certificates"),
    path("certificates/roots/add/", AddRoot.as_view(), name="root_certificate_add"),
    path("certificates/roots/<int:pk>/", RootPage.as_view(), name="root_certificate"),
    path("certificates/roots/<int:pk>/root.pem", RootFile.as_view(), name="root_certificate_file"),
    path("certificates/roots/<int:pk>/archive/", ArchiveRoot.as_view(), name="root_certificate_archive"),
    path("certificates/roots/<int:pk>/install/", InstallRoot.as_view(), name="root_certificate_install"),
    path("certificates/installed/<int:pk>/remove/", RemoveRoot.as_view(), name="installed_certificate_remove"),
    path("certificates/ca/", AuthorityPage.as_view(), name="certificate_authority"),
    path("certificates/ca/ca.pem", AuthorityFile.as_view(), name="certificate_authority_file"),
    path("chargers/<int:pk>/certificates/read/", ReadRoots.as_view(), name="charger_read_roots"),
    path("chargers/<int:pk>/certificates/install/", InstallRootHere.as_view(), name="charger_install_root"),
    path("chargers/<int:pk>/certificates/ask/", AskForCertificate.as_view(), name="charger_ask_certificate"),
    path("chargers/<int:pk>/security/begin/", BeginUpgrade.as_view(), name="security_upgrade_begin"),
    path("security/<uuid:pk>/cancel/", CancelUpgrade.as_view(), name="security_upgrade_cancel"),
    path("security/<uuid:pk>/carry-on/", CarryOn.as_view(), name="security_upgrade_carry_on"),
]
