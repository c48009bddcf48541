"""`python -m bench.fleet`: a large installation in an empty PostgreSQL database, to see whether pages stay quick.

Everything is made by the database itself from series of numbers, so that a million sessions with ten million meter
values take minutes. It refuses a database that holds a charger, so that nobody's data ever mixes with it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import timedelta

import django

SITES, GROUPS, TAGS_PER_CHARGER = 50, 100, 10
READINGS = 10
#: A gateway process that seems alive for as long as anybody measures.
FOREVER = "2100-01-01"

STEPS: tuple[tuple[str, str], ...] = (
    (
        "sites, groups, tags",
        """
        INSERT INTO stations_site (name, address, notes, holders_may_start)
        SELECT 'Site ' || n, 'Street ' || n, '', n % 2 = 0 FROM generate_series(1, {sites}) n;
        INSERT INTO transactions_idtaggroup (parent_id_tag, name, blocked, notes)
        SELECT 'GROUP-' || n, 'Group ' || n, false, '' FROM generate_series(1, {groups}) n;
        INSERT INTO transactions_idtag (id_tag, holder, blocked, note, created_at, group_id, site_id)
        SELECT 'TAG-' || lpad(n::text, 6, '0'), 'Person ' || n, n % 97 = 0, '', now(), g.id, s.id
        FROM generate_series(1, {tags}) n
        JOIN transactions_idtaggroup g ON g.parent_id_tag = 'GROUP-' || (n % {groups} + 1)
        JOIN stations_site s ON s.name = 'Site ' || (n % {sites} + 1)""",
    ),
    (
        "chargers and connectors",
        """
        INSERT INTO stations_gatewayprocess (channel, host, pid, started_at, beat_at)
        VALUES ('bench', 'bench', 1, now(), '{forever}');
        INSERT INTO stations_chargepoint (identity, name, notes, registration_status, accepted_at, discovered,
            created_at, vendor, model, serial_number, box_serial_number, firmware_version, iccid, imsi, meter_type,
            meter_serial_number, booted_at, security_profile, minimum_security_profile, credential_kind,
            credential_hash, strict, recipe_mode, connection, connected_at, last_seen_at, protocol,
            subprotocol_missing, remote_address, gateway_id, site_id)
        SELECT 'CP-' || lpad(n::text, 5, '0'), 'Bay ' || n, '', 'Accepted', now() - interval '1 year', false,
            now() - interval '1 year', 'Vendor ' || n % 7, 'Model ' || n % 20, 'SN' || n, '', '1.' || n % 9, '', '',
            '', '', now() - interval '1 day', 0, 0, '', '', false, '', CASE WHEN n % 25 > 0 THEN 'c' || n ELSE '' END,
            now() - interval '1 day', now() - CASE WHEN n % 25 > 0 THEN interval '0' ELSE interval '5 hours' END,
            'ocpp1.6', false, '10.0.0.1', CASE WHEN n % 25 > 0 THEN g.id END, s.id
        FROM generate_series(1, {chargers}) n
        JOIN stations_gatewayprocess g ON g.channel = 'bench'
        JOIN stations_site s ON s.name = 'Site ' || (n % {sites} + 1);
        INSERT INTO stations_connector (connector_id, status, error_code, info, vendor_id, vendor_error_code, status_at,
            charge_point_id)
        SELECT k, 'Available', 'NoError', '', '', '', now() - interval '3 hours', c.id
        FROM stations_chargepoint c, generate_series(1, 2) k""",
    ),
    (
        "sessions",
        """
        INSERT INTO transactions_transaction (id_tag, authorization_status, started_at, start_reported_at,
            start_received_at, meter_start_wh, stopped_at, stop_reported_at, stop_received_at, meter_stop_wh,
            stop_id_tag, stop_reason, ended_by, register_wh, register_at, energy_wh, flags, charge_point_id,
            connector_id, tag_id)
        SELECT t.id_tag, 'Accepted', s.at, s.at, s.at, s.n * 10, s.stop, s.stop, s.stop,
            CASE WHEN s.stop IS NOT NULL THEN s.n * 10 + s.wh END, '', CASE WHEN s.stop IS NOT NULL
            THEN (ARRAY['Local', 'EVDisconnected', 'Remote', 'PowerLoss'])[s.n % 4 + 1] ELSE '' END,
            CASE WHEN s.stop IS NOT NULL THEN 'station' ELSE '' END, s.n * 10 + s.wh, coalesce(s.stop, now()), s.wh,
            CASE WHEN s.n % 50 = 0 THEN '["clock_suspect"]' ELSE '[]' END::jsonb, c.charge_point_id, c.id, t.id
        FROM (
            SELECT n, now() - interval '365 days' * (1 - n::float / {sessions}) - interval '1 hour' AS at,
                CASE WHEN n <= {sessions} - {running} THEN now() - interval '365 days' * (1 - n::float / {sessions})
                END AS stop, 3000 + n % 40000 AS wh
            FROM generate_series(1, {sessions}) n
        ) s
        JOIN (SELECT id, charge_point_id, row_number() OVER (ORDER BY id) - 1 AS r FROM stations_connector) c
            ON c.r = s.n % {connectors}
        JOIN (SELECT id, id_tag, row_number() OVER (ORDER BY id) - 1 AS r FROM transactions_idtag) t
            ON t.r = (s.n::bigint * 7919) % {tags}
        ORDER BY s.n;
        UPDATE stations_connector SET status = 'Charging', status_at = now() - interval '50 minutes'
        WHERE id IN (SELECT connector_id FROM transactions_transaction WHERE ended_by = '');
        UPDATE stations_connector SET status = 'Faulted', error_code = 'GroundFailure'
        WHERE id % 211 = 0 AND status = 'Available'""",
    ),
    (
        "meter values",
        """
        INSERT INTO transactions_metervalue (timestamp, context, reported_transaction_id, energy_wh, power_w,
            current_l1_a, current_l2_a, current_l3_a, voltage_l1_v, voltage_l2_v, voltage_l3_v, connector_id,
            transaction_id)
        SELECT t.started_at + k * (coalesce(t.stopped_at, now()) - t.started_at) / {readings}, 'Sample.Periodic', '',
            t.meter_start_wh + t.energy_wh * k / {readings}, 11000 + k, 16, 16, 16, 230, 231, 229, t.connector_id, t.id
        FROM (SELECT * FROM transactions_transaction ORDER BY id DESC LIMIT {metered}) t,
            generate_series(1, {readings}) k
        ORDER BY t.id""",
    ),
    (
        "daily energy and power",
        """
        INSERT INTO transactions_dailyenergy (day, energy_wh, connector_id)
        SELECT started_at::date, sum(energy_wh), connector_id FROM transactions_transaction GROUP BY 1, 3;
        INSERT INTO transactions_powerrecord (at, power_w, site_id)
        SELECT date_bin('5 minutes', now(), '2020-01-01') - n * interval '5 minutes', 50000 + n % 7 * 9000, s.id
        FROM generate_series(0, 287) n, stations_site s""",
    ),
    (
        "commands and statuses",
        """
        INSERT INTO stations_command (id, action, payload, status, answer, error_code, error_description, timeout_s,
            connection, created_at, sent_at, closed_at, charge_point_id, actor, effect, effect_status, idempotency_key,
            raised_in, remote_address, source)
        SELECT gen_random_uuid(),
            (ARRAY['Reset', 'TriggerMessage', 'GetConfiguration', 'RemoteStartTransaction'])[n % 4 + 1], '{{}}',
            CASE WHEN n % 40 = 0 THEN 'rejected' ELSE 'accepted' END, '{{"status": "Accepted"}}', '', '', 30, '',
            now() - n * interval '1 minute', now() - n * interval '1 minute', now() - n * interval '1 minute',
            c.id, 'anna', '{{}}', '', '', '', '', 'admin'
        FROM generate_series(1, {commands}) n
        JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS r FROM stations_chargepoint) c ON c.r = n % {chargers};
        INSERT INTO stations_statusrecord (status, error_code, info, vendor_id, vendor_error_code, reported_at,
            received_at, clock_suspect, connector_id)
        SELECT (ARRAY['Available', 'Preparing', 'Charging', 'Finishing'])[n % 4 + 1], 'NoError', '', '', '',
            now() - n * interval '20 seconds', now() - n * interval '20 seconds', n % 50000 = 0, c.id
        FROM generate_series(1, {sessions}) n
        JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS r FROM stations_connector) c
            ON c.r = n % {connectors}""",
    ),
    (
        "messages",
        """
        INSERT INTO stations_message (at, direction, kind, action, unique_id, text, charge_point_id)
        SELECT now() - ({messages} - n) * interval '0.12 seconds', CASE WHEN n % 2 = 0 THEN 'in' ELSE 'out' END,
            CASE WHEN n % 2 = 0 THEN 2 ELSE 3 END, (ARRAY['MeterValues', 'Heartbeat', 'StatusNotification'])[n % 3 + 1],
            'm' || n / 2, '[2,"m' || n / 2 || '","MeterValues",{{"connectorId":1}}]', c.id
        FROM generate_series(1, {messages}) n
        JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS r FROM stations_chargepoint) c
            ON c.r = n / 2 % {chargers}""",
    ),
    ("statistics", "ANALYZE"),
)


def fill(*, chargers: int, sessions: int, meter_values: int, messages: int, running: int) -> None:
    """Fill the database that DATABASE_URL names; migrations have been applied."""
    from django.db import connection

    from stations.models import ChargePoint

    if connection.vendor != "postgresql" or ChargePoint.objects.exists():
        sys.exit("DATABASE_URL must name a PostgreSQL database without chargers.")
    numbers = {
        "chargers": chargers,
        "connectors": chargers * 2,
        "sessions": sessions,
        "running": min(running, chargers * 2, sessions),
        "tags": chargers * TAGS_PER_CHARGER,
        "metered": meter_values // READINGS,
        "readings": READINGS,
        "messages": messages,
        "commands": min(sessions, 20_000),
        "sites": SITES,
        "groups": GROUPS,
        "forever": FOREVER,
    }
    for name, sql in STEPS:
        started = time.monotonic()
        with connection.cursor() as cursor:
            for statement in sql.format(**numbers).split(";"):
                cursor.execute(statement)
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    sum_up_months()


def sum_up_months() -> None:
    """What the server's clock does in the background; here its minutes pass at once."""
    from django.utils import timezone

    from transactions import monthly_sums
    from transactions.models import SummedMonth

    started, moment = time.monotonic(), timezone.now()
    monthly_sums.advance(moment)
    while SummedMonth.objects.filter(ready_at=None, is_stale=False).exists():
        moment += timedelta(minutes=2)
        monthly_sums.advance(moment)
    print(f"sums of past months: {time.monotonic() - started:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    parser.add_argument("--chargers", type=int, default=2000)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--meter-values", type=int, default=10_000_000)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--running", type=int, default=500)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "plugcontrol.settings")
    django.setup()
    fill(**vars(options))


if __name__ == "__main__":
    main()
