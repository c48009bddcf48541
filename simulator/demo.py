"""The stations of `make demo`, each of another kind: three are at work, one waits for approval."""

from __future__ import annotations

from .hardware import Hardware
from .life import Habits

SPEED = 60.0

#: Cards of people who do not exist; the demo registers them. Now and then somebody holds another one to a reader.
ID_TAGS = ("DEMO-ANNA", "DEMO-BEN", "DEMO-CARLA", "DEMO-DAVID")

_WALLBOX = Hardware(vendor="Demo Home", model="Wallbox 3.7", firmware="2.4.1", connectors=1, power_w=3_680, phases=1)
_DOUBLE = Hardware(vendor="Demo Street", model="Double 22", firmware="5.0.3", connectors=2, power_w=22_080, phases=3)
_DC = Hardware(vendor="Demo Motorway", model="Fast 150", firmware="1.12.0", connectors=2, power_w=150_000, dc=True)

#: identity → what it is and how it is used
STATIONS: dict[str, tuple[Hardware, Habits]] = {
    "DEMO-WALLBOX": (_WALLBOX, Habits(id_tags=ID_TAGS[:2], session_minutes=180, idle_minutes=30, faults=0.1)),
    "DEMO-DOUBLE": (_DOUBLE, Habits(id_tags=ID_TAGS, session_minutes=60, idle_minutes=12, faults=0.2)),
    "DEMO-DC": (_DC, Habits(id_tags=ID_TAGS[1:], session_minutes=20, idle_minutes=6, faults=0.3)),
    "DEMO-NEW": (_WALLBOX, Habits(id_tags=ID_TAGS[:2], session_minutes=120, idle_minutes=20)),
}
#: identity → what people call it, of those that somebody has approved before the demo begins
APPROVED = {"DEMO-WALLBOX": "Wallbox", "DEMO-DOUBLE": "Street side", "DEMO-DC": "Fast charger"}
