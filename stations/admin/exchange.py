"""Import and export pages: XLSX and CSV, with our limits, our wording and no inline style or script."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from import_export.admin import ExportActionMixin, ImportMixin
from import_export.forms import ExportForm, ImportForm

from .. import changes
from ..uploads import MAX_BYTES, Csv, SheetFormat, UnreadableFile, UploadStorage, Xlsx
from .pages import has_nul

FORMATS = [Xlsx, Csv]


class UploadForm(ImportForm):  # type: ignore[misc]
    """Refuses what is too large before it is stored."""

    def clean_import_file(self) -> Any:
        file = self.cleaned_data["import_file"]
        if file.size > MAX_BYTES:
            raise ValidationError(_("The file is larger than 10 MB."))
        return file


class ExportAdmin(ExportActionMixin):  # type: ignore[misc]
    """Export of what the list shows, or of the chosen rows as XLSX."""

    formats = FORMATS
    export_form_class = ExportForm
    show_change_form_export = False
    change_form_template: Any = None
    #: Stem of the file's name.
    export_name = ""

    def export_action(self, request: HttpRequest) -> HttpResponse:
        if has_nul(request):
            return HttpResponseRedirect(request.path)
        response: HttpResponse = super().export_action(request)
        return response

    def get_export_data(
        self, file_format: SheetFormat, request: HttpRequest, queryset: QuerySet[Any], **kw: Any
    ) -> bytes:
        if not self.has_export_permission(request):
            raise PermissionDenied
        resource = self.choose_export_resource_class(kw.get("export_form"), request)()
        return file_format.write(self.export_name, resource.headers(), resource.iter_rows(queryset))

    def get_export_filename(self, request: HttpRequest, queryset: QuerySet[Any], file_format: SheetFormat) -> str:
        return f"plugcontrol-{self.export_name}-{timezone.localdate():%Y-%m-%d}.{file_format.get_extension()}"

    def get_valid_export_item_pks(self, request: HttpRequest) -> list[Any]:
        """The chosen rows are exported at once; no form ever lists them."""
        return []


class ImportAdmin(ImportMixin):  # type: ignore[misc]
    """Import with a preview; one bad row and nothing is written."""

    formats = FORMATS
    import_form_class = UploadForm
    tmp_storage_class = UploadStorage
    import_template_name = "admin/import.html"

    def add_data_read_fail_error_to_form(self, form: Any, error: Exception) -> None:
        if isinstance(error, UnreadableFile):
            form.add_error("import_file", str(error))
        else:
            super().add_data_read_fail_error_to_form(form, error)

    def get_import_data_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_import_data_kwargs(**kwargs), "rollback_on_validation_errors": True}

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            response: HttpResponse = super().process_import(request, **kwargs)
            return response
        except (UnreadableFile, IndexError, ValueError) as error:
            # what the preview's form named is gone, or not what we put there
            return self._refused(request, error if isinstance(error, UnreadableFile) else None)

    def process_result(self, result: Any, request: HttpRequest) -> HttpResponse:
        if result.has_errors() or result.has_validation_errors():
            return self._refused(request, None)  # the table changed between preview and confirmation
        changes.note(*self.topics([row.object_id for row in result if row.object_id and row.is_update()]))
        response: HttpResponse = super().process_result(result, request)
        return response

    def _refused(self, request: HttpRequest, reason: Exception | None) -> HttpResponse:
        sentence = str(reason) if reason else _("Nothing was imported; please upload the file again.")
        messages.error(request, sentence)
        return HttpResponseRedirect(reverse("admin:{}_{}_import".format(*self.get_model_info())))
