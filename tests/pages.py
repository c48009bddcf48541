"""Every address of the screens: who may open it, and which row its example is about.

A new page without a row here fails `tests/screens/test_every_page.py`; the browser tests, the screenshots and
`bench/pages.py` walk over the same table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.urls import get_resolver, reverse

#: Administrator, operator, viewer (everywhere); operator of one site; tag holder; nobody logged in.
ROLES = "AOVSHN"


@dataclass(frozen=True)
class Row:
    """`may`: the roles (letters of ROLES) that may; others get 403, nobody the login page.

    `about`: kind of row that the address names, a key of `examples()`; `more`: its other parts. `is_of_site`: the row
    belongs to a site, so that it is not found by who works at another. `query`: without `?`, examples in braces.
    `is_file`: what comes is no page by itself: a file, or a part for another page. `refusal`: what others get, where it
    is not 403.
    """

    may: str
    about: str = ""
    query: str = ""
    method: str = "get"
    more: tuple[tuple[str, Any], ...] = ()
    is_of_site: bool = True
    is_file: bool = False
    refusal: int = 403


def _act(may: str, about: str = "", **more: Any) -> Row:
    """Something that is done, by POST only."""
    return Row(may, about, method="post", **more)


def _file(may: str, about: str = "", query: str = "", **more: Any) -> Row:
    return Row(may, about, query, is_file=True, **more)


_ALL, _WORKERS = "AOVSH", "AOVS"
EVERYBODY = "AOVSHN"
_FORMAT = (("format", "csv"),)

PAGES: dict[str, Row] = {
    # overview
    "overview": Row("AOVSH"),  # holders are sent to theirs
    "welcome": Row("AOV"),
    "trial": _act("AO"),
    "approve": _act("AOS", "station"),
    "reject": _act("AOS", "station"),
    "search": Row(_WORKERS, query="q=CP"),
    # chargers
    "chargers": Row(_WORKERS),
    "chargers_export": _file(_WORKERS),
    "chargers_selected": _act(_WORKERS),
    "charger_add": Row("AOS"),
    "charger": Row(_WORKERS, "station"),
    "charger_edit": Row("AOS", "station"),
    "charger_archive": _act("AOS", "station"),
    "charger_restore": _act("AOS", "station"),
    "charger_generate_password": _act("AOS", "station"),
    "charger_set_password": Row("AOS", "station"),
    "charger_remove_password": _act("AOS", "station"),
    "charger_rotate_password": _act("AOS", "station"),
    "charger_read_configuration": _act("AOS", "station"),
    "charger_apply_template": _act("AOS", "station"),
    "charger_configuration": _file(_WORKERS, "station"),
    # commands
    "send_many": _act("AOS"),
    "tag_suggestions": _file("AOS"),
    "choose": Row("AOS", "station"),
    "send": Row("AOS", "station", more=(("action", "Reset"),)),
    "commands": Row(_WORKERS),
    "cancel_commands": _act("AOS"),
    "command": Row(_WORKERS, "command"),
    "batches": Row(_WORKERS),
    "batch": Row(_WORKERS, "batch"),
    "cancel_batch": _act("AOS", "batch"),
    "retry_batch": _act("AOS", "batch"),
    # transactions
    "transactions": Row(_WORKERS),
    "transactions_export": _file(_WORKERS, more=_FORMAT),
    "stops": Row(_WORKERS),
    "attach_stop": Row("AOS", "stop"),
    "transaction": Row(_WORKERS, "transaction"),
    "close_transaction": Row("AOS", "transaction"),
    "transaction_readings": _file(_WORKERS, "transaction", more=_FORMAT),
    "signed_value": _file(_WORKERS, "transaction", more=(("reading", "reading"), ("position", 0))),
    # tags
    "tags": Row(_WORKERS),
    "tag_add": Row("AOS"),
    "tags_change": _act("AOS"),
    "tags_export": _file(_WORKERS),
    "tag": Row(_WORKERS, "tag"),
    "tag_change": _act("AOS", "tag", more=(("action", "block"),)),
    "tag_groups": Row("AOV"),  # groups belong to no site
    "tag_group_add": Row("AO"),
    "tag_group": Row("AOV", "group", is_of_site=False),
    "tag_group_change": _act("AO", "group", more=(("action", "block"),), is_of_site=False),
    "unknown_tags": Row(_WORKERS),
    "unknown_tag_change": _act("AOS", "unknown", more=(("action", "ignore"),)),
    "tag_learn": Row("AOS"),
    "tag_import": Row("AOS"),
    "tag_import_preview": Row("AOS"),
    "tag_import_template": _file("AOS"),
    "local_lists": Row(_WORKERS),
    "local_lists_change": _act("AOS"),
    "local_lists_switch_on": _act("AOS"),
    # reservations, messages
    "reservations": Row(_WORKERS),
    "reservation_new": Row("AOS"),
    "reservation_conflicts": _file("AOS"),
    "reservation_cancel": _act("AOS", "reservation"),
    "messages": Row(_WORKERS),
    "messages_download": _file(_WORKERS),
    "message": Row(_WORKERS, "message"),
    # firmware and files: the library belongs to no site
    "firmware": Row(_WORKERS),
    "firmware_add": Row("AO"),
    "firmware_file": Row(_WORKERS, "firmware", is_of_site=False),
    "firmware_archive": _act("AO", "firmware", is_of_site=False),
    "firmware_download": _file(_WORKERS, "firmware", is_of_site=False),
    "firmware_updates": Row(_WORKERS),
    "firmware_update": Row(_WORKERS, "update"),
    "firmware_update_cancel": _act("AOS", "update"),
    "campaigns": Row(_WORKERS),
    "campaign_add": Row("AOS"),
    "campaign": Row(_WORKERS, "campaign"),
    "campaign_steer": _act("AOS", "campaign", more=(("action", "pause"),)),
    "station_files": Row(_WORKERS),
    "station_file_download": _file("AOS", "file"),
    "station_file_delete": _act("A", "file"),
    "charger_update": Row("AOS", "station"),
    "charger_fetch": Row("AOS", "station"),
    # charging profiles: the library belongs to no site
    "profiles": Row(_WORKERS),
    "profile_add": Row("AO"),
    "profile_assign": Row("AOS"),
    "profile": Row(_WORKERS, "profile", is_of_site=False),
    "profile_edit": Row("AO", "profile", is_of_site=False),
    "profile_archive": _act("AO", "profile", is_of_site=False),
    "profile_restore": _act("AO", "profile", is_of_site=False),
    "assignment_clear": _act("AOS", "assignment"),
    "charger_profiles_clear": Row("AOS", "station"),
    "charger_profiles_clear_all": _act("AOS", "station"),
    "charger_profiles_compare": _act("AOS", "station"),
    # certificates: roots and the CA belong to no site
    "certificates": Row(_WORKERS),
    "certificate": Row(_WORKERS, "certificate"),
    "certificate_file": _file(_WORKERS, "certificate"),
    "certificate_revoke": _act("AOS", "certificate"),
    "signing_requests": Row(_WORKERS),
    "signing_request": Row(_WORKERS, "signing_request"),
    "signing_request_file": _file(_WORKERS, "signing_request"),
    "signing_request_sign": _act("AOS", "signing_request"),
    "signing_request_refuse": _act("AOS", "signing_request"),
    "signing_request_upload": _act("AOS", "signing_request"),
    "root_certificates": Row(_WORKERS),
    "root_certificate_add": Row("A"),
    "root_certificate": Row(_WORKERS, "root_certificate", is_of_site=False),
    "root_certificate_file": _file(_WORKERS, "root_certificate", is_of_site=False),
    "root_certificate_archive": _act("A", "root_certificate", is_of_site=False),
    "root_certificate_install": _act("AOS", "root_certificate", is_of_site=False),
    "installed_certificate_remove": _act("AOS", "installed_certificate"),
    "certificate_authority": Row(_WORKERS),
    "certificate_authority_file": _file(_WORKERS),
    "charger_read_roots": _act("AOS", "station"),
    "charger_install_root": _act("AOS", "station"),
    "charger_ask_certificate": _act("AOS", "station"),
    "security_upgrade_begin": _act("AOS", "station"),
    "security_upgrade_cancel": _act("AOS", "security_upgrade"),
    "security_upgrade_carry_on": _act("AOS", "security_upgrade"),
    # jobs, reports
    "jobs": Row(_ALL),
    "job_export": _act(_ALL),
    "job": Row("A", "job", is_of_site=False, refusal=404),
    "job_file": _file("A", "job", is_of_site=False, refusal=404),
    "job_cancel": _act("A", "job", is_of_site=False, refusal=404),
    "reports": Row(_WORKERS),
    "report_statement": Row(_WORKERS, query="by=person&subject={person_key}"),
    "report_export": _file(_WORKERS, query="format=csv"),
    # people, account, mine
    "people": Row("A"),
    "person_add": Row("A"),
    "person": Row("A", "person", is_of_site=False),
    "person_invite": _act("A", "person", is_of_site=False),
    "person_deactivate": _act("A", "person", is_of_site=False),
    "person_reactivate": _act("A", "person", is_of_site=False),
    "person_data": Row("A", "person", is_of_site=False),
    "tag_data": Row("A", "tag", is_of_site=False),
    "person_second_factor_remove": _act("A", "person", is_of_site=False),
    "person_tag_link": _act("A", "person", is_of_site=False),
    "person_tag_unlink": _act("A", "person", more=(("tag", "tag"),), is_of_site=False),
    "account": Row(_ALL),
    "password_change": Row(_ALL),
    "own_data": _act(_ALL),
    "second_factor": Row(_ALL),
    "second_factor_codes": Row(_ALL),
    "second_factor_remove": Row(_ALL),
    "login": Row(EVERYBODY),
    "login_code": Row(_ALL),  # who is in goes on, who has not shown a password begins there
    "logout": _act(EVERYBODY),
    "set_password": Row(EVERYBODY, more=(("uidb64", "x"), ("token", "y")), is_of_site=False),
    "mine": Row("H"),
    "mine_start": _act("H"),
    "mine_sessions": Row("H"),
    "mine_export": _file("H", more=_FORMAT),
    "mine_stop": _act("H", "transaction"),
    "mine_cards": Row("H"),
    "mine_lost": _act("H", "tag"),
    # house
    "settings": Row("AOS"),
    "site_add": Row("AO"),
    "site": Row("AOS", "site"),
    "about": Row(_WORKERS),
}
#: Parts of a page that have a look of their own.
VARIANTS: dict[str, tuple[str, str]] = {
    **{
        f"charger {tab}": ("charger", f"tab={tab}")
        for tab in (
            *("transactions", "configuration", "messages", "commands"),
            *("reservations", "firmware", "profiles", "security", "details", "history"),
        )
    },
    "charger profiles of all": ("charger", "tab=profiles&connector=0"),
    "overview charging": ("overview", "state=charging"),
    "chargers searched": ("chargers", "search=nothing-like-this"),
    "transactions by state": ("transactions", "period=12_months&state=running"),
    "report by month": ("reports", "period=12_months&by=charger&per=month"),
}


def url_names() -> set[str]:
    """Names of the namespace `screens`, as the resolver knows them."""
    _prefix, resolver = get_resolver().namespace_dict["screens"]
    return {name for name in resolver.reverse_dict if isinstance(name, str)}


def address(name: str, examples: Mapping[str, Any]) -> str:
    """The address of a page about the examples; KeyError if there is none for it."""
    page, query = VARIANTS.get(name, (name, ""))
    row = PAGES[page]
    arguments = {part: examples.get(value, value) if isinstance(value, str) else value for part, value in row.more}
    if row.about:
        arguments["pk"] = examples[row.about]
    query = query or row.query.format(**{kind: quote(str(key)) for kind, key in examples.items()})
    return reverse(f"screens:{page}", kwargs=arguments) + (f"?{query}" if query else "")


def readable() -> Iterator[str]:
    """Names of pages to be read, with the variants of some."""
    for name, row in PAGES.items():
        if row.method == "get" and not row.is_file:
            yield name
    yield from VARIANTS
