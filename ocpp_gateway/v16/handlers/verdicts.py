"""Our verdict on a tag as the wire knows it (OCPP 1.6 §7.27)."""

from typing import cast

from ocpp_gateway.v16.types import AuthorizationStatus, IdTagInfo
from transactions.authorization import Verdict


def id_tag_info(verdict: Verdict) -> IdTagInfo:
    """parentIdTag goes out with every verdict; expiryDate tells the station how long it may remember this one."""
    return IdTagInfo(
        status=cast(AuthorizationStatus, verdict.status.value),
        expiry_date=verdict.expires_at,
        parent_id_tag=verdict.parent_id_tag,
    )
