"""Saboteurs of Zuora's words: what a request says, and how an answer is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from support.saboteurs.bench import Bench
from support.saboteurs.saboteur import LOST, RULES, TWICE, WRONG, saboteur
from zbatch.model import Item, Tenant
from zbatch.zuora import headers, reply, request, rows
from zbatch.zuora.codes import RowClass
from zbatch.zuora.reply import Answer, ServerError
from zbatch.zuora.rows import Row

ONE_TENANT = "the simulated tenant has no entities"


@saboteur("D12", test=f"{RULES}r12_partial_success_in_one_200")
def rows_one_place_off(bench: Bench) -> None:
    """Each row of a call is taken for the item beside its own."""
    read_rows = rows.read_rows

    def substitute(document: object, expected: int) -> tuple[Row, ...] | None:
        found = read_rows(document, expected)
        return found and (*found[1:], found[0])

    bench.function(read_rows, substitute)


@saboteur(
    "D12",
    test=f"{TWICE}d12_rows_that_do_not_match_in_number_are_nobodys",
)
def rows_of_another_number(bench: Bench) -> None:
    """Rows are taken by position though they are more or fewer than the items."""
    read_rows = rows.read_rows

    def substitute(document: object, expected: int) -> tuple[Row, ...] | None:
        if isinstance(document, list) and document:
            each = [read_rows(document[n % len(document)], 1) or () for n in range(expected)]
            found = tuple(row for alone in each for row in alone)
            return found if len(found) == expected else None
        return read_rows(document, expected)

    bench.function(read_rows, substitute)


@saboteur("L1", test=f"{LOST}l01_success_false_in_a_200_is_no_success")
def status_200_is_success(bench: Bench) -> None:
    """A row is a success whatever it says, as long as the reply could be read."""
    read = rows._row

    def substitute(entry: Any) -> Row | None:
        known = isinstance(entry, dict) and entry.get("Success") is False
        invoice_id = entry.get("Id") or "f" * 32 if known else None
        return Row(RowClass.SUCCESS, invoice_id) if known else read(entry)

    bench.function(read, substitute)


@saboteur(
    "L2",
    test=f"{LOST}l02_success_is_the_json_true_and_nothing_like_it",
    beyond="the simulated tenant says such a thing only of what it has billed",
)
def any_text_is_true(bench: Bench) -> None:
    """Whatever a language calls true is a success, the text "false" too."""
    read = rows._row

    def substitute(entry: Any) -> Row | None:
        truthy = isinstance(entry, dict) and entry.get("Success")
        return read({**entry, "Success": True} if truthy else entry)

    bench.function(read, substitute)


@saboteur(
    "L3",
    test=f"{LOST}l03_a_redirect_to_a_login_page_is_no_answer",
    beyond="it costs time, and tells nothing untrue: a passing error is sent again",
)
def a_redirect_is_a_passing_error(bench: Bench) -> None:
    """A redirect is taken for a server that is out of order for a moment."""
    read = reply.answer_without_rows

    def substitute(one: Any, problem: Any) -> Answer:
        answer = read(one, problem)
        return ServerError(answer.problem) if 300 <= one.status < 400 else answer

    bench.function(read, substitute)


@saboteur("R4", test=f"{WRONG}a_code_that_leaves_the_effect_open_is_no_refusal")
def a_refusal_is_one_whatever_its_code(bench: Bench) -> None:
    """A 400, 403, 404 or 413 is a refusal for good, also where its code leaves the effect open."""
    bench.local(reply, "leaves_open", lambda code, message: False)


@saboteur(
    "R4",
    test=f"{WRONG}a_row_that_says_try_again_proves_nothing_under_a_status_that_leaves_it_open",
)
def rows_outweigh_any_status(bench: Bench) -> None:
    """Rows that say "try again" let the next key go, also under a status that leaves it open."""
    bench.function(reply._says_nothing_of_the_effect, lambda status: False)


@saboteur("L19", test=f"{LOST}l19_the_entity_is_in_the_header_and_in_the_key", beyond=ONE_TENANT)
def the_entity_is_not_in_the_key(bench: Bench) -> None:
    """Calls for two entities of a tenant have the same key."""
    derive = request.idempotency_key

    def substitute(
        host: str, _: str | None, items: Sequence[Item], generation: int, body: bytes
    ) -> str:
        return derive(host, None, items, generation, body)

    bench.function(derive, substitute)


@saboteur("L19", test=f"{LOST}l19_the_entity_is_in_the_header_and_in_the_key", beyond=ONE_TENANT)
def the_entity_is_not_named(bench: Bench) -> None:
    """A call does not say for which entity it is."""
    build = headers.query_headers

    def substitute(tenant: Tenant, track_id: str, token: str, wsdl: int = 0) -> dict[str, str]:
        return build(replace(tenant, entity_id=None), track_id, token, wsdl)

    bench.function(build, substitute)


@saboteur(
    "L20",
    test="tests/net/test_sender_wire.py::test_the_request_on_the_wire",
    beyond="no call is mistyped: there is nothing for the server to refuse",
)
def unknown_fields_are_let_pass(bench: Bench) -> None:
    """The server is not asked to refuse fields that it does not know."""
    bench.constant(headers.GENERATE_QUERY, "rejectUnknownFields=false")
