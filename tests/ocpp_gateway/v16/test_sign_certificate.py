"""SignCertificate: refused as long as there is no CA (white paper A03)."""

from tests.scenarios.speech import errors_of

CSR = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"


async def test_nobody_signs_yet(cp):
    for csr in (CSR, "A" * 5500, "A" * 5501, "no certificate request at all"):
        assert await cp.call("SignCertificate", csr=csr) == {"status": "Rejected"}


REFUSED = [
    ({}, "OccurenceConstraintViolation"),
    ({"csr": None}, "OccurenceConstraintViolation"),
    ({"csr": [CSR]}, "TypeConstraintViolation"),
    ({"csr": "A" * 55_001}, "PropertyConstraintViolation"),
    (CSR, "FormationViolation"),
]


async def test_what_cannot_be_read_is_named(cp):
    codes = [code for _, code in REFUSED]
    assert await errors_of(cp, "SignCertificate", (payload for payload, _ in REFUSED)) == codes
