"""Accounts named by number: open in the plan until their IDs are known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from support.engine import TENANT
from zbatch.model import Account, DatePair, Exclusion, Expect, Source, Spec
from zbatch.spec import SpecError, blank_spec, make_plan, resolve_plan

ONE, TWO = f"{1:032x}", f"{2:032x}"
DATES = (DatePair(date(2026, 11, 30), date(2026, 11, 30)),)


def _by_id(account_id: str, line: int) -> Account:
    return Account(account_id, Source("spec.yaml", line, 5))


def _by_number(number: str, line: int, file: str = "spec.yaml") -> Account:
    return Account(None, Source(file, line, 5), number=number)


def _spec(*accounts: Account, **more: object) -> Spec:
    spec = replace(blank_spec("n", "emulator"), file="spec.yaml", dates=DATES, accounts=accounts)
    return replace(spec, **more)  # type: ignore[arg-type]  # fields of Spec, by name


def _excluding(account_id: str | None, number: str | None) -> tuple[Exclusion, ...]:
    return (Exclusion(account_id, number, "dispute", Source("spec.yaml", 20)),)


def test_numbers_take_their_places_once_they_are_known() -> None:
    """Before, only accounts with an ID are items; afterwards all are, in the spec's order."""
    spec = _spec(_by_number("A1", 6), _by_id(TWO, 7))
    plan = make_plan(spec, TENANT)
    assert [item.identity.account_id for item in plan.items] == [TWO]
    assert plan.unresolved == (spec.accounts[0],)
    resolved = resolve_plan(plan, {"A1": ONE})
    told = [(item.identity.account_id, item.account_number) for item in resolved.items]
    assert told == [(ONE, "A1"), (TWO, None)]
    assert resolved.groups == ((0,), (1,))
    assert resolved.resolved
    assert resolved.spec is spec
    assert resolve_plan(resolved, {}) is resolved


def test_f128_an_account_by_id_and_by_number_is_told_with_both_places() -> None:
    """Which account a number means shows only once it is known: then both places are named."""
    plan = make_plan(_spec(_by_id(ONE, 6), _by_number("A1", 3, "emea.csv")), TENANT)
    with pytest.raises(SpecError) as raised:
        resolve_plan(plan, {"A1": ONE})
    assert str(raised.value) == (
        f"emea.csv:3:5 ZB302 account {ONE}, which has the number A1, with target date 2026-11-30"
        " is listed twice (first listed here: spec.yaml:6:5)"
    )


def test_two_numbers_of_one_account_are_one_account() -> None:
    """Identity is the ID alone, also where no row names it."""
    plan = make_plan(_spec(_by_number("A1", 6), _by_number("A2", 7)), TENANT)
    with pytest.raises(SpecError, match=r"spec.yaml:7:5 ZB302"):
        resolve_plan(plan, {"A1": ONE, "A2": ONE})


@pytest.mark.parametrize("excluding", [(ONE, None), (None, "A1")])
@pytest.mark.parametrize("listed", [_by_id(ONE, 6), _by_number("A1", 6)])
def test_exclusions_hold_across_id_and_number(
    listed: Account, excluding: tuple[str | None, str | None]
) -> None:
    """Whoever is kept out by number is kept out where the list has the ID, and the other way."""
    exclusions = _excluding(*excluding)
    plan = make_plan(_spec(listed, _by_id(TWO, 7), exclusions=exclusions), TENANT)
    resolved = resolve_plan(plan, {"A1": ONE})
    assert [item.identity.account_id for item in resolved.items] == [TWO]
    assert resolved.excluded == exclusions


def test_whom_to_keep_out_by_number_is_asked_for_too() -> None:
    """Until the number's ID is known, nobody can say whether the list has that account."""
    exclusions = _excluding(None, "A9")
    plan = make_plan(_spec(_by_id(TWO, 7), exclusions=exclusions), TENANT)
    assert (plan.unresolved, plan.unresolved_exclusions) == ((), exclusions)
    assert not plan.resolved
    assert plan.excluded == ()


def test_the_digest_is_over_the_names_as_written() -> None:
    """An account by number is another plan than one by ID, and so is another exclusion."""
    by_number = _spec(_by_number("A1", 6), _by_id(TWO, 7))
    plan = make_plan(by_number, TENANT)
    others = [
        _spec(_by_id(ONE, 6), _by_id(TWO, 7)),
        _spec(_by_number("A2", 6), _by_id(TWO, 7)),
        replace(by_number, exclusions=_excluding(None, "A3")),
        replace(by_number, exclusions=_excluding("a" * 32, None)),
    ]
    digests = {plan.digest, *(make_plan(spec, TENANT).digest for spec in others)}
    assert len(digests) == 5
    assert resolve_plan(plan, {"A1": ONE}).digest == plan.digest
    # a number may look like an ID, and is none
    looks = make_plan(_spec(_by_number(ONE, 6)), TENANT)
    assert looks.digest != make_plan(_spec(_by_id(ONE, 6)), TENANT).digest


def test_control_totals_wait_until_all_accounts_are_known() -> None:
    """They are over what is billed in the end, and say both figures where they differ."""
    place = (("accounts", Source("spec.yaml", 9, 11)),)
    accounts = (_by_number("A1", 6), _by_id(TWO, 7))
    plan = make_plan(_spec(*accounts, expect=Expect(accounts=3, places=place)), TENANT)
    with pytest.raises(SpecError, match=r"spec.yaml:9:11 ZB314 .* expects 3 accounts, and lists 2"):
        resolve_plan(plan, {"A1": ONE})
    good = make_plan(_spec(*accounts, expect=Expect(accounts=2, items=2)), TENANT)
    assert len(resolve_plan(good, {"A1": ONE}).items) == 2
    with pytest.raises(SpecError, match="ZB314"):
        make_plan(_spec(_by_id(TWO, 7), expect=Expect(items=2)), TENANT)


def test_an_account_has_one_name() -> None:
    """Neither an account nor an exclusion can be built with two names, or with none."""
    for names in ((None, None), (ONE, "A1")):
        with pytest.raises(ValueError, match="by its ID or by its number"):
            Account(names[0], Source("x", 1), number=names[1])
        with pytest.raises(ValueError, match="by its ID or by its number"):
            Exclusion(names[0], names[1], "dispute", Source("x", 1))


def test_nobody_left_to_bill_is_refused_once_it_is_known() -> None:
    """What keeps everybody out by ID, where accounts are named by number, shows at the tenant."""
    plan = make_plan(_spec(_by_number("A1", 6), exclusions=_excluding(ONE, None)), TENANT)
    with pytest.raises(SpecError, match=r"spec.yaml:20:1 ZB316 .* nobody is billed"):
        resolve_plan(plan, {"A1": ONE})


def test_a_number_that_is_kept_out_needs_no_id() -> None:
    """Whom nobody bills, nobody need know; a number that is billed is never without its ID."""
    accounts = (_by_number("A1", 6), _by_number("A2", 7), _by_number("A3", 8))
    kept_out = _excluding(None, "A1") + _excluding(None, "A2")
    plan = make_plan(_spec(*accounts, exclusions=kept_out), TENANT)
    (item,) = resolve_plan(plan, {"A3": TWO}).items
    assert item.identity.account_id == TWO
    with pytest.raises(KeyError):
        resolve_plan(plan, {"A1": ONE})
