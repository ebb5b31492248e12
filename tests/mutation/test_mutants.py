"""The mutation run itself: what it lays out means the same, and what it makes are mutants."""

from __future__ import annotations

from collections import Counter

import pytest

from mutation.functions import Sample, change
from mutation.harmless import REASONS, reason_of
from mutation.page import interval
from mutation.scratch import ROOT, modules, undecorated
from mutation.sql import schema_mutants
from mutation.tables import all_mutants
from mutation.trial import Trial, verdict_of

DECORATED = '''
class Count:
    @property
    def one(self) -> int:
        """Give one."""
        return 1

    @staticmethod
    def two() -> int:
        return 2
'''


def test_a_decorator_written_as_an_assignment_means_the_same() -> None:
    """mutmut leaves decorated functions alone, so the copy has none."""
    text = undecorated(DECORATED)
    assert "@" not in text
    names: dict[str, type] = {}
    exec(text, names)  # noqa: S102 - the text above
    count = names["Count"]()
    assert (count.one, count.two()) == (1, 2)


def test_an_abstract_method_is_left_as_it_is() -> None:
    """Under two names it would ask a subclass for both, and there is nothing in it to mutate."""
    text = "class Count:\n    @abstractmethod\n    def one(self) -> int: ...\n"
    assert undecorated(text) == text


# What only names things, or is for people; the statements are mutated as SQL.
LEFT_OUT = {
    "engine/ending.py",
    "engine/events.py",
    "engine/ports.py",
    "ledger/extract.py",
    "ledger/place.py",
    "ledger/statements.py",
    "zuora/explained.py",
    "zuora/text.py",
    "zuora/wire.py",
}


def test_no_module_that_decides_is_left_out() -> None:
    """A new module of the three rooms is mutated, or it is said here why not."""
    package = ROOT / "runner" / "zbatch"
    found = [path for room in ("engine", "ledger", "zuora") for path in (package / room).iterdir()]
    named = {str(path.relative_to(package)) for path in found if path.suffix == ".py"}
    rooms = {name for name in named if name.endswith("__init__.py")}
    assert named - rooms == set(modules()) | LEFT_OUT
    assert not LEFT_OUT.intersection(modules())


def test_a_word_by_itself_is_no_sentence() -> None:
    """A name of a header or in JSON has one case; only that of a column has any."""
    sentence = Trial("engine/judge.py", "1", '`"Given` → `"given`', "survived")
    header = Trial("engine/judge.py", "1", '`"zuora-id"` → `"ZUORA-ID"`', "survived")
    assert [reason_of(one) is not None for one in (sentence, header)] == [True, False]
    column = Trial("ledger/rows.py", "1", '`"outcome"` → `"OUTCOME"`', "survived")
    in_json = Trial("ledger/rows.py", "1", '`"gone"` → `"GONE"`', "survived")
    assert [reason_of(one) is not None for one in (column, in_json)] == [True, False]


@pytest.mark.parametrize("module", modules())
def test_every_module_that_is_to_be_mutated_is_there(module: str) -> None:
    """A module that was renamed is not silently left out, and each can be laid out."""
    text = (ROOT / "runner" / "zbatch" / module).read_text("utf-8")
    compile(undecorated(text), module, "exec")


def test_each_mutant_is_another_value_than_the_real_one() -> None:
    """A mutant that changes nothing would survive for no reason."""
    for mutant in all_mutants():
        assert vars(mutant.module)[mutant.name] != mutant.value, mutant.told


def test_the_promise_itself_is_mutated() -> None:
    """The index that refuses a second unsettled key, the rule cells and every error code are in."""
    assert sum("UNIQUE INDEX" in told for told, _ in schema_mutants()) == 1
    counts = Counter(mutant.name for mutant in all_mutants())
    assert min(counts[name] for name in ("TABLE", "ROW_TABLE", "_CODES", "UPDATE_ITEM")) > 9


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("if now >= then:", "if now > then:", "`>=` → `>`"),
        ('f(row["id"], x)', 'f(row["ID"], x)', '`"id"` → `"ID"`'),
        ("f(a, b)", "f(a, )", "`b` → `…`"),
    ],
)
def test_a_change_is_told_in_whole_words(before: str, after: str, told: str) -> None:
    """Whoever reads the page sees what was changed, and no more."""
    assert change(before, after) == told


def test_a_sample_is_the_same_for_the_same_seed_and_tells_its_reach() -> None:
    """Drawn without a look at what is known of the mutants; the interval is Wilson's."""
    names = [f"m{number}" for number in range(1000)]
    drawn = Sample(100, 7).drawn(reversed(names))
    assert drawn == Sample(100, 7).drawn(names) != Sample(100, 8).drawn(names)
    assert len(set(drawn)) == 100
    assert Sample(2000, 7).drawn(names) == sorted(names)
    trials = [Trial("engine/age.py", "1", "", "killed")] * 90
    trials += [Trial("engine/age.py", "1", "", "survived")] * 10
    assert interval(trials) == pytest.approx((82.56, 94.48), abs=0.01)


def test_each_reason_says_why() -> None:
    """A survivor is excused by a sentence, once."""
    sentences = [reason.why for reason in REASONS]
    assert len(set(sentences)) == len(sentences)
    assert all(sentence.endswith(".") for sentence in sentences)


def test_a_mutant_is_killed_by_tests_alone() -> None:
    """A test run that could not begin, or found no test, has noticed nothing."""
    assert [verdict_of(code) for code in (0, 1, 2)] == ["survived", "killed", "killed"]
    for code in (3, 4, 5):
        with pytest.raises(ValueError, match=f"ended with {code}"):
            verdict_of(code)
