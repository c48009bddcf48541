"""The database in a process that lives long outside of requests: a connection that died is replaced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar, overload

import structlog
from django.db import Error, close_old_connections, connection

log = structlog.get_logger(__name__)
T = TypeVar("T")


@overload
def in_database(work: Callable[..., T], *args: Any, quiet: Literal[True], **kwargs: Any) -> T | None: ...


@overload
def in_database(work: Callable[..., T], *args: Any, quiet: Literal[False] = False, **kwargs: Any) -> T: ...


def in_database(work: Callable[..., T], *args: Any, quiet: bool = False, **kwargs: Any) -> T | None:
    """Do `work` here and now. Raises django.db.Error; `quiet`: None instead, for what may be lost."""
    close_old_connections()
    try:
        return work(*args, **kwargs)
    except Error as error:
        log.warning("no database", error=str(error).strip() or type(error).__name__)
        connection.close()
        if not quiet:
            raise
        return None
