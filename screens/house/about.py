"""About and health: what runs here, and how it is."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import get_language

from plugcontrol import VERSION, health
from stations.models import ChargePoint, GatewayProcess
from stations.models.command import OPEN_STATUSES

from ..commands.views import visible
from ..pages import Page


class About(Page):
    template_name = "screens/house/about.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        sees_all = self.access.everywhere("stations.view_chargepoint")
        return super().get_context_data(
            version=VERSION,
            problems=health.problems(),
            database=_database() if sees_all else None,
            processes=_processes() if sees_all else (),
            waiting_commands=visible(self.access).filter(status__in=OPEN_STATUSES).count(),
            now=timezone.now(),
            has_redis=bool(settings.REDIS_URL),
            backup=_last_copy() if sees_all else None,
            support=support_text() if sees_all else "",
            **kwargs,
        )


def _database() -> dict[str, Any]:
    """Kind, version and size in bytes of the database."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT current_setting('server_version'), pg_database_size(current_database())")
            version, size = cursor.fetchone()
            return {"kind": "PostgreSQL", "version": version.split()[0], "size": size}
        cursor.execute("SELECT sqlite_version()")
        version = cursor.fetchone()[0]
        cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return {"kind": "SQLite", "version": version, "size": cursor.fetchone()[0]}


def _processes() -> Any:
    """Living server processes, each with the chargers whose line it holds."""
    held = Count("chargepoint", filter=~Q(chargepoint__connection=""))
    return GatewayProcess.objects.alive().annotate(held=held).order_by("pk")


def _last_copy() -> datetime | None:
    """When the SQLite file was last copied (before a migration); PostgreSQL's backups are not ours to see."""
    if connection.vendor != "sqlite":
        return None
    copies = (Path(settings.DATA_DIR) / "backups").glob("*.sqlite3")
    return max((datetime.fromtimestamp(copy.stat().st_mtime, UTC) for copy in copies), default=None)


def support_text() -> str:
    """Facts for whoever helps, in English and without a secret, a name or an address."""
    database = _database()
    lines = {
        "plugcontrol": VERSION,
        "Python": platform.python_version(),
        "Django": django.get_version(),
        "channels": metadata.version("channels"),
        "system": f"{platform.system()} {platform.machine()}",
        "database": f"{database['kind']} {database['version']}, {database['size'] // 1_000_000} MB",
        "Redis": "yes" if settings.REDIS_URL else "no",
        "processes": _processes().count(),
        "chargers": ChargePoint.objects.filter(archived_at=None).count(),
        "online": ChargePoint.objects.online().count(),
        "message log": settings.MESSAGE_LOG,
        "https": "yes" if settings.PUBLIC_URL.startswith("https:") else "no",
        "language": get_language(),
        "problems": "; ".join(health.problems()) or "none",
    }
    return "\n".join(f"{name}: {fact}" for name, fact in lines.items())
