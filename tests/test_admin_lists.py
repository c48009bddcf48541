"""The administration stays quick with two thousand chargers and a million sessions, whatever is registered next."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect, RelatedFieldWidgetWrapper
from django.contrib.auth.models import User
from django.core.exceptions import FieldDoesNotExist
from django.forms import ModelChoiceField
from django.test import RequestFactory

from stations.models import ChargePoint, Command, Connector
from stations.pagination import CappedPaginator
from transactions.models import IdTag, IdTagGroup, Transaction

ADMINS = [pytest.param(found, id=model._meta.label) for model, found in admin.site._registry.items()]
#: Of these there may be thousands.
MANY = (ChargePoint, Command, Connector, IdTag, IdTagGroup, Transaction)


@pytest.mark.parametrize("model_admin", ADMINS)
def test_no_list_counts_everything(model_admin: Any) -> None:
    assert issubclass(model_admin.paginator, CappedPaginator)
    assert model_admin.show_full_result_count is False
    assert model_admin.show_facets is admin.ShowFacets.NEVER
    assert model_admin.date_hierarchy is None  # it looks for every year there is


@pytest.mark.parametrize("model_admin", ADMINS)
def test_no_filter_has_a_link_per_row_of_another_list(model_admin: Any) -> None:
    for entry in model_admin.list_filter:
        name = entry[0] if isinstance(entry, tuple) else entry
        if not isinstance(name, str):
            continue  # a class of ours
        try:
            field = model_admin.model._meta.get_field(name.split("__")[0])
        except FieldDoesNotExist:
            continue
        assert field.related_model not in MANY, name


@pytest.mark.django_db
@pytest.mark.parametrize("model_admin", ADMINS)
def test_no_form_has_a_select_of_thousands(model_admin: Any) -> None:
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_active=True)
    if not model_admin.has_change_permission(request):
        return  # a record: nothing can be chosen
    forms = [model_admin.get_form(request)]
    forms += [inline.get_formset(request).form for inline in model_admin.get_inline_instances(request)]
    for form in forms:
        for name, field in form.base_fields.items():
            if isinstance(field, ModelChoiceField) and field.queryset.model in MANY:
                widget = field.widget
                widget = widget.widget if isinstance(widget, RelatedFieldWidgetWrapper) else widget
                assert isinstance(widget, AutocompleteSelect | admin.widgets.ForeignKeyRawIdWidget), name
