"""What a report can be about: people, tags, groups, chargers, sites; and which tags or chargers each of them is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy

from stations.models import ChargePoint

from .models import IdTag

#: The key of what belongs to nobody: tags without a name, sessions without a known tag, …
NOBODY = "none"


class By(TextChoices):
    PERSON = "person", gettext_lazy("Person")
    TAG = "tag", gettext_lazy("Tag")
    GROUP = "group", gettext_lazy("Group")
    CHARGER = "charger", gettext_lazy("Charger")
    SITE = "site", gettext_lazy("Site")


class Subject(NamedTuple):
    """`key` names it in addresses; `number` is a tag's number or a charger's identity, `name` may be empty then."""

    key: str
    name: str
    number: str = ""


class Subjects:
    """Subject by the id of a tag (person, tag, group) or charger (charger, site). Asks the database once.

    Within a report subjects have numbers: those are quicker to add up by than names.
    """

    def __init__(self, by: By) -> None:
        nobody = Subject(NOBODY, str(_NOBODY[by]))
        numbers = {nobody: 0}
        self._number_of = {base: numbers.setdefault(subject, len(numbers)) for base, subject in _LOOKUPS[by](nobody)}
        self._all = list(numbers)

    def number_of(self, base: int | None) -> int:
        """None, and ids of nothing we know, are nobody's."""
        return self._number_of.get(base, 0)  # type: ignore[arg-type]

    def __getitem__(self, number: int) -> Subject:
        return self._all[number]

    def ids(self, subjects: Iterable[Subject]) -> set[int | None]:
        """Ids of the tags or chargers that make up these subjects; None stands for sessions without a known tag."""
        chosen = set(subjects)
        wanted = {number for number, subject in enumerate(self._all) if subject in chosen}
        ids: set[int | None] = {base for base, number in self._number_of.items() if number in wanted}
        return ids | {None} if 0 in wanted else ids

    def find(self, key: str) -> Subject | None:
        """The subject that an address names. Whoever asks may not be meant to know its name."""
        return next((subject for subject in self._all if subject.key == key), None)


Found = Iterator[tuple[int, Subject]]


_NOBODY = {
    By.PERSON: gettext_lazy("Nobody’s tags"),
    By.TAG: gettext_lazy("Tags that are not entered"),
    By.GROUP: gettext_lazy("Without a group"),
    By.CHARGER: gettext_lazy("Unknown charger"),
    By.SITE: gettext_lazy("Without a site"),
}


def _people(nobody: Subject) -> Found:
    """A person is an account, or else the name that stands on the tag."""
    columns = ("pk", "holder", "user_id", "user__first_name", "user__last_name", "user__username")
    for pk, holder, user, first, last, username in IdTag.objects.order_by().values_list(*columns):
        if user is not None:
            yield pk, Subject(f"account-{user}", f"{first} {last}".strip() or username)
        else:
            yield pk, Subject(f"name-{holder}", holder) if holder else nobody


def _tags(_nobody: Subject) -> Found:
    for pk, holder, number in IdTag.objects.order_by().values_list("pk", "holder", "id_tag"):
        yield pk, Subject(str(pk), holder, number)


def _groups(nobody: Subject) -> Found:
    rows = IdTag.objects.order_by().values_list("pk", "group_id", "group__name", "group__parent_id_tag")
    for pk, group, name, number in rows:
        yield pk, nobody if group is None else Subject(str(group), name or number)


def _chargers(_nobody: Subject) -> Found:
    for pk, name, identity in ChargePoint.objects.order_by().values_list("pk", "name", "identity"):
        yield pk, Subject(str(pk), name, identity)


def _sites(nobody: Subject) -> Found:
    for pk, site, name in ChargePoint.objects.order_by().values_list("pk", "site_id", "site__name"):
        yield pk, nobody if site is None else Subject(str(site), name)


_LOOKUPS = {By.PERSON: _people, By.TAG: _tags, By.GROUP: _groups, By.CHARGER: _chargers, By.SITE: _sites}
