"""What all Resources have in common: rows one by one, previews without inline styles, imports of columns only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet, Value
from django.db.models.functions import Upper
from django.utils.html import escape, format_html
from django.utils.translation import gettext as _
from import_export.instance_loaders import BaseInstanceLoader
from import_export.resources import Diff, Resource

from people import audit

from .spreadsheets import Row


class SheetResource(Resource):  # type: ignore[misc]
    """A table of one model.

    `iter_rows(queryset)` yields one tuple per object in the order of `headers()`, ready for `write_csv` and
    `write_xlsx`; `export(queryset)` is the same as a tablib Dataset of text.
    """

    #: Relations to fetch with each row.
    RELATED: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def get_display_name(cls) -> str:
        return str(cls._meta.model._meta.verbose_name_plural)

    def get_queryset(self) -> QuerySet[Any]:
        queryset: QuerySet[Any] = self._meta.model._default_manager.all()
        return queryset

    @classmethod
    def headers(cls) -> list[str]:
        return [str(header) for header in cls().get_export_headers()]

    def filter_export(self, queryset: QuerySet[Any], **kwargs: Any) -> QuerySet[Any]:
        return queryset.select_related(*self.RELATED) if self.RELATED else queryset

    def iter_rows(self, queryset: QuerySet[Any]) -> Iterator[Row]:
        columns = self.get_export_fields()
        for instance in self.iter_queryset(self.filter_export(queryset)):
            yield tuple(column.export(instance, force_native_type=True) for column in columns)

    def get_chunk_size(self) -> int:
        return 2000


class PlainDiff(Diff):  # type: ignore[misc]
    """The library's own marks changes with inline styles, which our Content-Security-Policy refuses."""

    def as_html(self) -> list[str]:
        return [self._cell(str(before), str(after)) for before, after in zip(self.left, self.right, strict=False)]

    def _cell(self, before: str, after: str) -> str:
        if self.new or not before:
            return format_html("<ins>{}</ins>", after) if after else ""
        if before == after:
            return escape(after)
        return format_html("<del>{}</del> <ins>{}</ins>", before, after)


class CaselessLoader(BaseInstanceLoader):  # type: ignore[misc]
    """Finds the rows a file names without regard to case, all with one query per thousand."""

    CHUNK = 1000

    def __init__(self, resource: Any, dataset: Any = None) -> None:
        super().__init__(resource, dataset)
        self.field = resource.fields[resource.get_import_id_fields()[0]]
        self.known: dict[str, Model] = {}
        if dataset is not None and self.field.column_name in (dataset.headers or []):
            names = sorted({name for value in dataset[self.field.column_name] if (name := self._name(value))})
            for start in range(0, len(names), self.CHUNK):
                self._load(names[start : start + self.CHUNK])

    def _name(self, value: Any) -> str:
        try:
            return str(self.field.widget.clean(value))
        except ValueError:
            return ""

    def _load(self, names: list[str]) -> None:
        # the database folds case on both sides: SQLite knows A to Z only, Python and PostgreSQL know more
        same = {f"{self.field.attribute}__upper__in": [Upper(Value(name)) for name in names]}
        for row in self.resource.get_queryset().filter(**same):
            name = getattr(row, self.field.attribute)
            self.known.setdefault(name.upper(), row)
            self.known[name] = row

    def get_instance(self, row: dict[str, Any]) -> Model | None:
        name = self._name(row[self.field.column_name])
        return self.known.get(name) or self.known.get(name.upper())


class ImportableResource(SheetResource):
    """A resource that is imported too. The first import id field is its identity, matched without regard to case."""

    class Meta:
        # one statement per thousand rows: on SQLite a preview keeps the stations' writer waiting as long as it takes
        use_bulk = True
        batch_size = 1000
        instance_loader_class = CaselessLoader
        skip_unchanged = True
        report_skipped = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._seen: set[str] = set()
        #: Columns that the file has
        self._given: set[str] = set()

    @classmethod
    def get_diff_class(cls) -> type[Diff]:
        return PlainDiff

    @property
    def _identity(self) -> Any:
        return self.fields[self.get_import_id_fields()[0]]

    def get_import_fields(self) -> list[Any]:
        return [field for field in super().get_import_fields() if not field.readonly]

    def init_instance(self, row: Any = None) -> Model:
        instance: Model = self._meta.model()
        return instance

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        self._seen.clear()
        self._given = {*dataset.headers}
        unknown = sorted({*dataset.headers} - self.known_headers())
        if unknown:
            raise ValidationError(_("Unknown columns: %(names)s.") % {"names": ", ".join(unknown)[:500]})
        if self._identity.column_name not in dataset.headers:
            raise ValidationError(_("The column %(name)s is missing.") % {"name": self._identity.column_name})

    def known_headers(self) -> set[str]:
        return {field.column_name for field in self.fields.values()}

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        column = self._identity.column_name
        try:
            key = self._identity.widget.clean(row[column]).upper()
        except ValueError as error:
            raise ValidationError({column: str(error)}) from None
        if not key:
            raise ValidationError({column: _("This cell must not be empty.")})
        if key in self._seen:
            raise ValidationError({column: _("This one is in the file twice.")})
        self._seen.add(key)

    def bulk_update(
        self, using_transactions: bool, dry_run: bool, raise_errors: bool, batch_size: Any = None, result: Any = None
    ) -> None:
        if not dry_run:
            audit.record_updates(self.update_instances, self.get_bulk_update_fields())
        super().bulk_update(using_transactions, dry_run, raise_errors, batch_size=batch_size, result=result)

    def import_field(self, field: Any, instance: Model, row: Any, is_m2m: bool = False, **kwargs: Any) -> None:
        # a known row keeps its own spelling: "04ab" and "04AB" are the same tag
        if field is self._identity and instance.pk is not None:
            return
        super().import_field(field, instance, row, is_m2m, **kwargs)

    def validate_instance(self, instance: Model, import_validation_errors: Any = None, **_kwargs: Any) -> None:
        """Without the queries for uniqueness: the loader found the known row, and doubles in the file are refused."""
        errors = dict(import_validation_errors or {})
        imported = {field.attribute for field in self.get_import_fields()} - errors.keys()
        try:
            # a relation is never checked again: its widget has just read or made the row
            instance.clean_fields(
                exclude=[f.name for f in instance._meta.fields if f.is_relation or f.name not in imported]
            )
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)

    def get_bulk_update_fields(self) -> list[str]:
        """Only columns of the file: the gateway and other people write the others at the same time."""
        given = [field for field in self.get_import_fields() if field.column_name in self._given]
        return [field.attribute for field in given if field is not self._identity]
