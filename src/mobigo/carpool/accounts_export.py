"""A closed month for the Region's accounts: every run with its kilometres, fares, pay and payout, as CSV and workbook.

People stand in it by their ids alone. Amounts are whole cents in CSV columns named so, euros in the workbook.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from psycopg import Connection

    from mobigo.carpool.money_store import Month

COLUMNS = (
    "month", "run", "number", "service_date", "line", "driver", "loaded_metres", "seats", "fares_cents",
    "driver_cents", "region_net_cents", "rules", "payout", "state",
)  # fmt: skip

_ROWS = """
    SELECT to_char(%(month)s::date, 'YYYY-MM'), award.run, award.number, award.service_date, coalesce(run.line, ''),
        award.person, award.metres, award.seats, award.fares, award.cents,
        award.cents - CASE WHEN award.number = 0 THEN award.fares ELSE 0 END,
        (SELECT coalesce(string_agg(DISTINCT step ->> 'policy', ' '), '')
         FROM jsonb_array_elements(award.steps) AS step WHERE step ->> 'policy' <> ''),
        coalesce(award.payout, ''),
        CASE WHEN award.payout IS NULL THEN 'carried_over' WHEN payout.month = %(month)s THEN 'paid'
             ELSE 'paid_later' END
    FROM carpool_award AS award JOIN carpool_run AS run ON run.id = award.run
    LEFT JOIN carpool_payout AS payout ON payout.id = award.payout
    WHERE award.month = %(month)s OR payout.month = %(month)s
    ORDER BY award.service_date, award.run, award.number
"""

MONEY = '#,##0.00 "€"'

EUROS = frozenset({"fares_cents", "driver_cents", "region_net_cents"})


def read_rows(connection: Connection[Any], month: date) -> Iterator[tuple[Any, ...]]:
    """Read what was counted or paid in a month, by day and run; a column each of `COLUMNS`."""
    yield from connection.execute(_ROWS, {"month": month})


def write_csv(connection: Connection[Any], month: date) -> str:
    """Write a month as CSV."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([_plain(cell) for cell in row] for row in read_rows(connection, month))
    return out.getvalue()


def write_workbook(connection: Connection[Any], month: Month) -> bytes:
    """Write a month as a workbook: its sums, its payouts, its runs."""
    from openpyxl import Workbook  # noqa: PLC0415 - slow to import, seldom needed

    book = Workbook()
    sums = book.active
    assert sums is not None
    sums.title = "Mois"
    rows = list(read_rows(connection, month.month))
    paid = [row for row in rows if row[-1] == "paid"]
    for what, said in (
        ("Mois", f"{month.month:%Y-%m}"),
        ("Clos le", month.closed_at.replace(tzinfo=None)),
        ("Clos par", month.closed_by),
        ("Exécution", month.execution),
        ("Trajets payés", month.runs),
        ("Versé aux conducteurs", month.cents / 100),
        ("Reporté", sum(row[9] for row in rows if row[-1] == "carried_over") / 100),
        ("Recettes des passagers des trajets payés", sum(row[8] for row in paid if row[2] == 0) / 100),
    ):
        sums.append((what, said))
    for number in (6, 7, 8):
        sums.cell(number, 2).number_format = MONEY
    _widen(sums, (45, 30))
    payouts = book.create_sheet("Virements")
    _head(payouts, ("payout", "driver", "euros", "account", "returned"))
    for id_, person, cents, masked, returned in connection.execute(
        "SELECT id, person, cents, masked, returned_at FROM carpool_payout WHERE month = %s ORDER BY id", [month.month]
    ):
        payouts.append((id_, person, cents / 100, masked, returned and returned.replace(tzinfo=None)))
        payouts.cell(payouts.max_row, 3).number_format = MONEY
    _widen(payouts, (36, 26, 12, 16, 20))
    runs = book.create_sheet("Trajets")
    _head(runs, tuple(name.replace("_cents", "_euros") for name in COLUMNS))
    money = [number for number, name in enumerate(COLUMNS, start=1) if name in EUROS]
    for row in rows:
        runs.append([cell / 100 if number in money else _plain(cell) for number, cell in enumerate(row, start=1)])
        for number in money:
            runs.cell(runs.max_row, number).number_format = MONEY
    _widen(runs, (10, 24, 8, 12, 28, 26, 14, 8, 12, 12, 14, 30, 36, 14))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _plain(cell: Any) -> Any:  # noqa: ANN401 - whatever stands in a cell
    """Let no text be a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@")) else cell


def _head(sheet: Any, names: Sequence[str]) -> None:  # noqa: ANN401 - openpyxl has no types
    from openpyxl.styles import Font  # noqa: PLC0415 - slow to import, seldom needed

    sheet.append(list(names))
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"


def _widen(sheet: Any, widths: Sequence[int]) -> None:  # noqa: ANN401 - openpyxl has no types
    for number, width in enumerate(widths, start=1):
        sheet.column_dimensions[sheet.cell(1, number).column_letter].width = width
