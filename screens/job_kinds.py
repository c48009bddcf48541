"""Long work that pages begin."""

from jobs.kinds import job_kind

# every page registers the filter that its exports use
from . import exports, urls
from .reports import exports as report_exports
from .tags import exporting as tag_exports
from .tags import import_work

job_kind(exports.KIND)(exports.run_export)
job_kind(report_exports.KIND)(report_exports.run_export)
job_kind(tag_exports.KIND)(tag_exports.run_export)
job_kind(import_work.PREVIEW)(import_work.run_preview)
job_kind(import_work.IMPORT)(import_work.run_import)

__all__ = ["urls"]
