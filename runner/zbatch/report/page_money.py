"""The part of the page that says what was billed: totals, a currency each."""

from __future__ import annotations

from collections.abc import Sequence

from zbatch.report.amounts import UNTOLD, Total
from zbatch.report.page_parts import WORDS, safe


def money(totals: Sequence[Total]) -> str:
    """Give what the invoices of each outcome come to."""
    if not totals:
        return ""
    rows = "".join(_row(one) for one in totals)
    return (
        '<section aria-labelledby="money"><h2 id="money">What the invoices come to</h2>\n'
        '<div class="wide" tabindex="0" role="region" aria-labelledby="money">'
        '<table class="money"><thead><tr><th scope="col">Outcome</th><th scope="col">Currency</th>'
        '<th scope="col" class="number">Invoices</th><th scope="col" class="number">Amount</th>'
        f"</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n{_reserves(totals)}</section>\n"
    )


def _row(total: Total) -> str:
    amount = total.amount
    currency = f"<code>{safe(amount.currency, 80)}</code>" if amount.currency else "not told"
    return (
        f'<tr><td><span class="chip {total.outcome.value}">{WORDS[total.outcome]}</span></td>'
        f'<td>{currency}</td><td class="number">{amount.invoices:,}</td>'
        f'<td class="number">{amount.grouped or UNTOLD}</td></tr>\n'
    )


def _reserves(totals: Sequence[Total]) -> str:
    """Say what the figures are not."""
    said = [
        "As the tenant showed them when they were read back; an invoice of two items counts once."
    ]
    if mixed := sum(one.amount.invoices for one in totals if one.amount.currency is None):
        said.append(f"Of {_invoices(mixed)} no currency is told, and none is added to another.")
    if untold := sum(one.amount.untold for one in totals):
        said.append(
            f"<b>Of {_invoices(untold)} no amount is known here</b>, and none is in the figures:"
            " zbatch verify asks the tenant."
        )
    if appended := sum(one.amount.appended for one in totals):
        said.append(
            f"{_invoices(appended)} {'was an open draft' if appended == 1 else 'were open drafts'}"
            " before: the whole amount counts, also what was on it already."
        )
    return "".join(f'<p class="reserve">{one}</p>\n' for one in said)


def _invoices(count: int) -> str:
    return "1 invoice" if count == 1 else f"{count:,} invoices"
