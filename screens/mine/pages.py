"""What the holder's pages have in common: they show what is the person's own, whatever else the person may see."""

from __future__ import annotations

from django.contrib.auth.models import User

from people.access import Access
from transactions.models import Transaction
from transactions.models.transaction import TransactionQuerySet

from ..pages import Allowed


class ForHolders(Allowed):
    """For who has cards, and for who has no right at all: they are told so. Operators without cards need none of it."""

    permission = ""

    def is_allowed(self) -> bool:
        return self.access.is_holder or not self.access.is_operator_side

    @property
    def holder(self) -> User:
        assert isinstance(self.request.user, User)  # noqa: S101 - `Allowed` asks who is logged in
        return self.request.user


def own_sessions(access: Access) -> TransactionQuerySet:
    """Sessions charged with the person's cards, in no order."""
    return Transaction.objects.filter(tag__in=access.own_tags()).order_by()
