"""What log lines hold, beyond what settings say about them."""

import logging

from django.core.exceptions import SuspiciousOperation


class InputIsNoFault(logging.Filter):
    """What somebody sent is told in a line, without where in the code it was noticed: a caller could fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], (SuspiciousOperation, UnicodeDecodeError)):
            record.exc_info = record.exc_text = None
        return True
