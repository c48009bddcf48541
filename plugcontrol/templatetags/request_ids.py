"""`{% request_id %}` for error pages, some of which Django renders without any context."""

from __future__ import annotations

from django import template

from plugcontrol.request_ids import current

register = template.Library()
register.simple_tag(current, name="request_id")
