"""Import of tags: what a file would change, and changing it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from import_export.resources import Diff

from jobs.progress import Progress
from people import audit
from people.access import Access
from stations import changes
from stations.models import Site
from stations.sheet_resource import PlainDiff
from stations.uploads import Csv, SheetFormat, Xlsx
from transactions.models import IdTag, IdTagGroup
from transactions.resources import GroupWidget, IdTagResource
from transactions.tag_changes import batches

from .forms import groups_for

PERMISSION = "transactions.import_idtag"
FORMATS: dict[str, type[SheetFormat]] = {"csv": Csv, "xlsx": Xlsx}
#: Rows of a kind that a preview shows.
MOST_SHOWN = 200
#: Rows that are written in one transaction of a long import: meanwhile chargers wait on SQLite.
BATCH = 1000
#: In the order in which a person wants to see them.
KINDS = ("error", "update", "new", "skip")


@dataclass(frozen=True)
class ShownRow:
    """A row of the file: `number` as a spreadsheet counts, `cells` as (before, after); with errors, as typed twice."""

    number: int
    kind: str
    cells: list[tuple[str, str]]
    errors: list[str] = field(default_factory=list)

    def named_cells(self, headers: list[str]) -> list[tuple[str, str, str]]:
        return [(name, before, after) for name, (before, after) in zip(headers, self.cells, strict=False)]


@dataclass(frozen=True)
class Outcome:
    """What an import would do: counts by kind (see KINDS), the first rows of each, and what is wrong with the file."""

    counts: dict[str, int]
    headers: list[str]
    rows: list[ShownRow]
    problems: list[str]

    @property
    def is_possible(self) -> bool:
        return not self.problems and not self.counts["error"] and bool(self.counts["new"] or self.counts["update"])

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Outcome:
        return cls(**{**value, "rows": [ShownRow(**row) for row in value["rows"]]})


class _Cells(PlainDiff):
    """Each cell as (before, after); a new row has nothing before."""

    def as_html(self) -> list[Any]:
        pairs = zip(self.left, self.right, strict=True)
        return [("" if self.new else str(before), str(after)) for before, after in pairs]


class _Groups(GroupWidget):
    """Makes no group before the import is confirmed; whoever keeps some sites' tags only takes groups they use."""

    def __init__(self, access: Access) -> None:
        super().__init__()
        self._is_limited = not access.everywhere(PERMISSION)
        self._allowed = set(groups_for(access, PERMISSION).values_list("pk", flat=True)) if self._is_limited else set()

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        group = super().clean(value, row, **kwargs)
        if group is not None and self._is_limited and group.pk not in self._allowed:
            raise ValueError(_("No tag of your sites is in a group of this number."))
        return group

    def make(self, number: str) -> IdTagGroup:
        return IdTagGroup(parent_id_tag=number)


class TagImport(IdTagResource):
    """Reads a table as IdTagResource does, but keeps what is to be written until `write`.

    So a preview writes nothing and waits for nobody. New tags get `site`; tags of sites where the person may not import
    are errors.
    """

    def __init__(self, access: Access, site: Site | None, progress: Progress) -> None:
        super().__init__()
        self.fields["group"].widget = _Groups(access)
        self.actor = access.user if isinstance(access.user, User) else None
        self._site = site
        self._progress = progress
        everywhere = access.everywhere(PERMISSION)
        self._sites = None if everywhere else set(access.sites(PERMISSION).values_list("pk", flat=True))
        self._new: list[IdTag] = []
        self._changed: list[IdTag] = []
        self._shown: dict[str, list[ShownRow]] = defaultdict(list)

    @classmethod
    def get_diff_class(cls) -> type[Diff]:
        return _Cells

    def look(self, dataset: Any) -> Outcome:
        """What the table would do; afterwards `write` does it."""
        self._progress.expect(len(dataset))
        result = self.import_data(dataset, use_transactions=False)
        problems = [text for error in result.base_errors for text in _sentences(error.error)]
        for row in result.invalid_rows:
            self._show_errors(row.number, row.values, _row_sentences(row.error))
        if not problems:
            for row in result.error_rows:
                self._show_errors(row.number, (), [_("This row cannot be read.")])
        counts = {"new": result.totals["new"], "update": result.totals["update"], "skip": result.totals["skip"]}
        counts["error"] = result.totals["invalid"] + result.totals["error"]
        shown = [] if problems else [row for kind in KINDS for row in self._shown[kind]]
        return Outcome(counts, result.diff_headers, shown, problems)

    def _show_errors(self, number: int, values: Iterable[Any], sentences: list[str]) -> None:
        if len(self._shown["error"]) < MOST_SHOWN:
            texts = ["" if value in (None, "---") else str(value)[:200] for value in values]
            self._shown["error"].append(ShownRow(number + 1, "error", [(text, text) for text in texts], sentences))

    def write(self) -> None:
        """Write what `look` found possible, in batches, each all or nothing.

        Raises IntegrityError if somebody else has entered one of the numbers meanwhile.
        """
        columns = self.get_bulk_update_fields()
        for batch in batches(self._new, BATCH):
            with transaction.atomic():
                _save_groups(batch)
                IdTag.objects.bulk_create(batch)
            self._progress.step(len(batch))
        for batch in batches(self._changed, BATCH):
            with transaction.atomic():
                _save_groups(batch)
                audit.record_updates(batch, columns, actor=self.actor)
                IdTag.objects.bulk_update(batch, columns)
            self._progress.step(len(batch))
        changes.note("tags")

    # The library's steps

    def get_queryset(self) -> QuerySet[IdTag]:
        return super().get_queryset().select_related("group")  # each row's group is compared

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        self._progress.step()
        super().before_import_row(row, **kwargs)

    def init_instance(self, row: Any = None) -> Model:
        return IdTag(site=self._site)

    def after_init_instance(self, instance: Any, new: bool, row: Any, **kwargs: Any) -> None:
        if not new and self._sites is not None and instance.site_id not in self._sites:
            raise ValidationError({"id_tag": _("This number belongs to a tag of another site.")})

    def after_import_row(self, row: Any, row_result: Any, **kwargs: Any) -> None:
        shown = self._shown[row_result.import_type]
        if len(shown) < MOST_SHOWN:
            shown.append(ShownRow(kwargs["row_number"] + 1, row_result.import_type, row_result.diff))
        row_result.diff = row_result.original = None  # of 200,000 rows they would fill the memory

    def bulk_create(self, *_args: Any, **_kwargs: Any) -> None:
        self._new += self.create_instances
        self.create_instances.clear()

    def bulk_update(self, *_args: Any, **_kwargs: Any) -> None:
        self._changed += self.update_instances
        self.update_instances.clear()


def _save_groups(tags: list[IdTag]) -> None:
    for tag in tags:
        if tag.group is not None and tag.group._state.adding:
            tag.group.save()


def _row_sentences(error: ValidationError) -> list[str]:
    """What is wrong with a row, each sentence with the column it is about."""
    by_column: dict[str, list[str]] = getattr(error, "message_dict", {"": error.messages})
    about = {name: "" if name in ("", NON_FIELD_ERRORS) else f"{name}: " for name in by_column}
    return [f"{about[name]}{text}" for name, texts in by_column.items() for text in texts]


def _sentences(error: Exception) -> list[str]:
    return error.messages if isinstance(error, ValidationError) else [_("The file cannot be read as a table of tags.")]
