"""`manage.py serve` that also runs programs in its own process: `<PORT>.py` as soon as it lies in $PROGRAMS.

What a program prints ends up in the server's output; `<PORT>.done` says that it is over.
"""

from __future__ import annotations

import os
import runpy
import threading
import time
from pathlib import Path

from django.core.management import execute_from_command_line


def run_programs() -> None:
    program = Path(os.environ["PROGRAMS"], f"{os.environ['PORT']}.py")
    while True:
        while not program.exists():
            time.sleep(0.02)
        ours = program.rename(program.with_suffix(".running"))
        runpy.run_path(str(ours))
        ours.rename(program.with_suffix(".done"))


threading.Thread(target=run_programs, daemon=True).start()
execute_from_command_line(["manage.py", "serve"])
