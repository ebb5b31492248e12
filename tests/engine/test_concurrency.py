"""How many may be in flight: told, found by refusals, left when others come; step by step."""

from __future__ import annotations

import pytest

from zbatch.engine.concurrency import PATIENCE, START, Concurrency, Flight
from zbatch.zuora.limits import AtOnce

WAIT = 120.0


class Bench:
    """Keeps as many in flight as may be; a test says what comes of them."""

    def __init__(self, most: int = 40) -> None:
        self.concurrency = Concurrency(most)
        self.flying: list[Flight] = []
        self.now = 0.0

    def fill(self) -> None:
        while len(self.flying) < self.concurrency.allowed:
            self.flying.append(self.concurrency.left(self.now))

    def land(self, flight: Flight | None = None) -> Flight:
        flight = flight or self.flying[0]
        self.flying.remove(flight)
        self.concurrency.landed(flight, self.now)
        return flight

    def round(self, times: int = 1, told: AtOnce | None = None, seconds: float = 1.0) -> int:
        """Let all that is in flight be answered, so many times over."""
        for _ in range(times):
            self.fill()
            self.now += seconds
            for flight in list(self.flying):
                self.land(flight)
                if told:
                    self.concurrency.told(told, self.now)
                self.concurrency.clean(flight, self.now)
        return self.concurrency.allowed

    def refuse(self) -> int:
        """Let the newest in flight be one too many."""
        self.fill()
        flight = self.land(self.flying[-1])
        self.concurrency.refused(flight, self.now, WAIT)
        return self.concurrency.allowed

    def drain(self, seconds: float) -> None:
        """Let what is in flight be answered, and time pass in which nothing is sent."""
        for flight in list(self.flying):
            self.concurrency.clean(self.land(flight), self.now)
        self.now += seconds
        self.concurrency.restart(self.now)


@pytest.fixture
def bench() -> Bench:
    """Give the bench of a run of up to 40."""
    return Bench()


@pytest.mark.parametrize("most", [1, 3, 5, 10, 40])
def test_a_run_begins_with_five_and_never_exceeds_the_spec(most: int) -> None:
    """It grows by half a round trip, to as many as the spec says."""
    bench = Bench(most)
    seen = [bench.concurrency.allowed, *(bench.round() for _ in range(8))]
    assert seen[0] == min(START, most)
    assert seen[-1] == max(seen) == most
    assert bench.concurrency.peak == most


def test_before_the_first_answer_nothing_that_is_told_moves_the_number(bench: Bench) -> None:
    """It may be an answer to a request of before: of another run, or of before a pause."""
    assert (bench.concurrency.peak, bench.concurrency.flying) == (0, 0)
    bench.fill()
    bench.concurrency.told(AtOnce(40, 35), bench.now)
    assert bench.concurrency.allowed == START


def test_five_are_forty_after_six_round_trips(bench: Bench) -> None:
    """Half as many again each time."""
    assert [bench.round() for _ in range(6)] == [7, 11, 16, 24, 36, 40]


def test_what_does_not_bind_does_not_grow(bench: Bench) -> None:
    """Where a slow rate leaves places empty, more of them prove nothing."""
    for _ in range(50):
        flight = bench.concurrency.left(bench.now)
        bench.now += 1.0
        bench.concurrency.landed(flight, bench.now)
        bench.concurrency.clean(flight, bench.now)
    assert bench.concurrency.allowed == START


def test_a_refusal_tells_how_many_were_taken_in(bench: Bench) -> None:
    """After it a run begins with few again, and grows to that number, not beyond."""
    bench.round(2)
    assert bench.concurrency.allowed == 11
    assert bench.refuse() == START
    bench.drain(WAIT)
    assert bench.round(10) == 10


def test_several_refusals_of_one_burst_count_once(bench: Bench) -> None:
    """Of eleven that leave at once seven are taken in, in whatever order the others return."""
    bench.round(2)
    bench.fill()
    for flight in [bench.flying[n] for n in (10, 8, 7, 9)]:
        bench.land(flight)
        bench.concurrency.refused(flight, bench.now, WAIT)
    bench.drain(WAIT)
    assert bench.round(10) == 7
    bench.now += PATIENCE * WAIT
    assert bench.round() == 8, "none of them was a trial that failed"


def test_a_refused_number_is_tried_again_rarely_and_by_one_more(bench: Bench) -> None:
    """Not before nineteen waits have passed; until an answer is there, by no second one."""
    bench.round(2)
    bench.refuse()
    bench.drain(WAIT)
    assert bench.round(10) == 10
    bench.now += PATIENCE * WAIT
    assert bench.round() == 11
    bench.fill()
    for flight in bench.flying[:10]:
        bench.concurrency.clean(bench.land(flight), bench.now)
    assert bench.concurrency.allowed == 11
    bench.concurrency.clean(bench.land(), bench.now)
    assert bench.round() > 11, "the one too many was taken in"


def test_a_trial_that_is_taken_in_lets_the_number_grow_on(bench: Bench) -> None:
    """The limit has risen."""
    bench.round(2)
    bench.refuse()
    bench.drain(WAIT)
    bench.round(10)
    bench.now += PATIENCE * WAIT
    assert bench.round(12) == 40


def test_a_trial_that_is_refused_keeps_the_number_and_is_rarer_from_then_on(bench: Bench) -> None:
    """The limit has not moved: the next trial waits twice as long."""
    bench.round(2)
    bench.refuse()
    bench.drain(WAIT)
    bench.round(10)
    bench.now += PATIENCE * WAIT
    bench.round()
    bench.refuse()
    bench.drain(WAIT)
    assert bench.round(10) == 10
    bench.now += PATIENCE * WAIT
    assert bench.round() == 10
    bench.now += PATIENCE * WAIT
    assert bench.round() == 11


def test_a_trial_without_a_clear_answer_is_made_again(bench: Bench) -> None:
    """A lost answer shows nothing about the limit."""
    bench.round(2)
    bench.refuse()
    bench.drain(WAIT)
    bench.round(10)
    bench.now += PATIENCE * WAIT
    bench.round()
    bench.fill()
    bench.concurrency.undecided(bench.flying[0])
    bench.concurrency.undecided(bench.land(bench.flying[-1]))
    assert bench.concurrency.allowed == 11
    assert bench.round(3) > 11


def test_who_shows_nothing_takes_no_trial_from_another(bench: Bench) -> None:
    """Only the answer to the one too many decides, and it is there."""
    bench.round(2)
    bench.refuse()
    bench.drain(WAIT)
    bench.round(10)
    bench.now += PATIENCE * WAIT
    bench.round()
    bench.fill()
    bench.concurrency.undecided(bench.flying[0])
    for _ in range(4):
        bench.concurrency.clean(bench.land(bench.flying[-1]), bench.now)
    assert bench.concurrency.allowed == 12


def test_no_trial_exceeds_the_spec() -> None:
    """Where one may be in flight and even that was refused, it stays one, however long ago."""
    bench = Bench(1)
    assert bench.refuse() == 1
    bench.drain(WAIT)
    bench.round(3)
    bench.now += PATIENCE * WAIT
    assert [bench.round() for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize(("limit", "tried"), [(9, 9), (10, 10), (11, 11), (20, 11)])
def test_no_trial_exceeds_what_the_tenant_says_it_takes(
    bench: Bench, limit: int, tried: int
) -> None:
    """Eleven were refused once, and nothing was told: later replies tell how many it takes."""
    bench.round(2)
    bench.refuse()
    bench.drain(WAIT)
    assert bench.round(10) == 10
    bench.now += PATIENCE * WAIT
    assert bench.round(told=AtOnce(limit, max(0, limit - 10))) == tried


@pytest.mark.parametrize(("limit", "tried"), [(9, 9), (10, 10), (11, 11), (20, 11)])
def test_a_trial_that_has_not_left_yet_is_off_where_the_tenant_takes_no_more(
    bench: Bench, limit: int, tried: int
) -> None:
    """It was allowed while nothing was told."""
    bench.round(2)
    bench.refuse()
    bench.drain(WAIT)
    bench.round(10)
    bench.now += PATIENCE * WAIT
    assert bench.round() == 11
    bench.concurrency.told(AtOnce(limit, max(0, limit - 10)), bench.now)
    assert bench.concurrency.allowed == tried


def test_a_trial_is_never_rarer_than_one_in_sixteen_times_as_long(bench: Bench) -> None:
    """Twice as long after each that fails, four times over."""
    bench.round(2)
    for failures in (0, 1, 2, 3, 4, 4):
        bench.refuse()
        bench.drain(WAIT)
        assert bench.round(10) == 10
        bench.now += PATIENCE * WAIT * 2.0**failures - 12.0
        assert bench.round() == 10
        bench.now += 12.0
        assert bench.round() == 11


def test_a_trial_that_is_refused_last_says_no_more_than_that(bench: Bench) -> None:
    """Five that left with it are answered already: ten were taken in before, and are still."""
    bench.round(2)
    bench.refuse()
    bench.drain(WAIT)
    bench.round(10)
    bench.now += PATIENCE * WAIT
    assert bench.round() == 11
    bench.fill()
    for _ in range(5):
        bench.land()
    bench.concurrency.refused(bench.land(bench.flying[-1]), bench.now, WAIT)
    bench.drain(WAIT)
    assert bench.round(10) == 10


def test_where_nothing_was_taken_in_one_is_taken_for_the_least(bench: Bench) -> None:
    """Of five the first two are answered, and the third is refused: one may be in flight."""
    bench.fill()
    for _ in range(2):
        bench.concurrency.clean(bench.land(), bench.now)
    bench.concurrency.refused(bench.land(), bench.now, WAIT)
    assert bench.concurrency.allowed == 1


def test_a_burst_of_which_the_first_is_refused_too_leaves_one(bench: Bench) -> None:
    """When it left nothing was in flight, so not even two are known to be taken in."""
    bench.refuse()
    assert bench.concurrency.allowed == 4
    bench.concurrency.refused(bench.land(), bench.now, WAIT)
    assert bench.concurrency.allowed == 1


def test_a_refusal_once_the_wait_is_over_is_one_of_its_own(bench: Bench) -> None:
    """It is no part of the burst before: what that told at least holds no more."""
    bench.round(2)
    bench.refuse()
    bench.drain(WAIT)
    bench.fill()
    for _ in range(2):
        bench.concurrency.clean(bench.land(), bench.now)
    bench.concurrency.refused(bench.land(bench.flying[-1]), bench.now, WAIT)
    bench.drain(WAIT)
    assert bench.round(10) == 2


@pytest.mark.parametrize(("seconds", "level"), [(0.4, 2), (0.6, 4)])
def test_a_late_refusal_tells_only_how_many_were_out_when_it_left(
    seconds: float, level: int, bench: Bench
) -> None:
    """After half a round trip those still out prove nothing: others may have been let in since."""
    bench = Bench(5)
    bench.round(3)
    bench.fill()
    bench.now += seconds
    for _ in range(2):
        bench.concurrency.clean(bench.land(), bench.now, timed=False)
    bench.concurrency.refused(bench.land(bench.flying[-1]), bench.now, WAIT)
    assert bench.concurrency.allowed == level


def test_what_was_cut_to_a_quarter_is_tried_again_by_one_more(bench: Bench) -> None:
    """A quarter of eleven is two, and no part of a request."""
    bench.round(2)
    bench.fill()
    for _ in range(10):
        bench.land()
    bench.concurrency.refused(bench.land(), bench.now, WAIT)
    bench.drain(WAIT)
    assert bench.round(10) == 2
    bench.now += PATIENCE * WAIT
    assert bench.round() == 3


def test_a_limit_that_falls_is_followed_down(bench: Bench) -> None:
    """What was out before the refused one and still is tells the new one."""
    bench.round(8)
    bench.fill()
    for _ in range(30):
        bench.concurrency.clean(bench.land(), bench.now)
    bench.concurrency.refused(bench.land(bench.flying[-1]), bench.now, WAIT)
    bench.drain(WAIT)
    assert bench.round(10) == 10, "a quarter of what it was at least"
    bench.refuse()
    bench.drain(WAIT)
    assert bench.round(10) == 9


def test_what_the_tenant_has_left_is_used_at_once(bench: Bench) -> None:
    """Of forty 35 are left: no need to grow slowly; one of them may be our own answered one."""
    assert bench.round(told=AtOnce(40, 35)) == 34


@pytest.mark.parametrize(
    ("seconds", "told", "allowed"),
    [
        (1.0, AtOnce(11, 6), 8),  # six: five and one answered already: half of them more, to see
        (1.0, AtOnce(12, 7), 6),
        (1.45, AtOnce(40, 35), 34),  # for less than one and a half seconds none may have been out
        (1.55, AtOnce(40, 35), 39),
        (1.5, AtOnce(6, 1), 6),
        (1.0, AtOnce(11, 0), 4),  # others are there: one of the places is left to them
    ],
)
def test_what_is_told_counts_with_what_was_in_flight_when_it_was_counted(
    seconds: float, told: AtOnce, allowed: int, bench: Bench
) -> None:
    """A count is up to one and a half seconds old: the least that was out then was counted."""
    bench.fill()
    bench.now += seconds
    bench.land()
    bench.concurrency.told(told, bench.now)
    assert bench.concurrency.allowed == allowed


def test_the_spec_bounds_what_the_tenant_would_take() -> None:
    """Also in the moment in which it is told."""
    bench = Bench(10)
    bench.fill()
    bench.now += 1.0
    bench.land()
    bench.concurrency.told(AtOnce(40, 35), bench.now)
    assert bench.concurrency.allowed == 10


def test_a_number_at_its_top_has_rested_and_follows_the_tenant_at_once() -> None:
    """To be told to grow where there is nowhere to grow is no move."""
    bench = Bench(5)
    assert bench.round(3) == 5
    bench.fill()
    bench.now += 1.0
    bench.land()
    bench.concurrency.told(AtOnce(80, 0), bench.now)
    assert bench.concurrency.allowed == 4


def test_room_is_left_to_others_where_some_of_it_is_left(bench: Bench) -> None:
    """One, and one for each ten of ours: three of the four that are left."""
    bench.round(4)
    assert bench.concurrency.allowed == 24
    bench.fill()
    bench.now += 1.5
    bench.land()
    bench.concurrency.told(AtOnce(100, 4), bench.now)
    assert bench.concurrency.allowed == 25


def test_where_others_take_all_one_is_left_to_us_also_after_a_wait(bench: Bench) -> None:
    """A run goes on, and no more of it is tried as long as nothing is left."""
    bench.round(4, AtOnce(40, 35))
    for _ in range(60):
        bench.round(2, AtOnce(80, 0))
    assert bench.concurrency.allowed == 1
    bench.drain(0.0)
    assert bench.concurrency.allowed == 1


def test_a_limit_that_is_told_is_reached_and_never_passed(bench: Bench) -> None:
    """Counts are a second old: no more than that is used before the next."""
    assert bench.round(told=AtOnce(7, 2)) == 6
    for _ in range(10):
        left = 7 - bench.concurrency.allowed
        assert bench.round(2, AtOnce(7, left)) <= 7
    assert bench.concurrency.allowed == 7


def test_a_told_limit_that_falls_holds_at_once(bench: Bench) -> None:
    """Without a refusal."""
    bench.round(3, AtOnce(40, 35))
    assert bench.round(1, AtOnce(13, 0)) == 13
    assert bench.round(1, AtOnce(0, 0)) == 1


def test_others_in_the_tenant_are_left_room(bench: Bench) -> None:
    """Where others take all that is left, we take fewer, and more again once they are gone."""
    bench.round(4, AtOnce(40, 35))
    before = bench.concurrency.allowed
    for _ in range(8):
        bench.round(2, AtOnce(80, 0))
    assert 1 <= bench.concurrency.allowed < before // 2
    for _ in range(8):
        bench.round(2, AtOnce(80, 80 - bench.concurrency.allowed))
    assert bench.concurrency.allowed == 40


def test_a_tenant_that_stops_telling_is_grown_into(bench: Bench) -> None:
    """What was told a while ago is no longer true."""
    bench.round(1, AtOnce(7, 2))
    assert bench.round(5) == 6
    assert bench.round(20) == 40


def test_a_refusal_that_the_counts_explain_leaves_the_word_to_them(bench: Bench) -> None:
    """Nothing was left: others may have come, and may go."""
    bench.round(4, AtOnce(40, 35))
    bench.concurrency.told(AtOnce(40, 0), bench.now)
    bench.refuse()
    bench.concurrency.refused(bench.land(bench.flying[-1]), bench.now, WAIT)
    bench.drain(WAIT)
    assert bench.round(6, AtOnce(40, 39)) == 40


@pytest.mark.parametrize(
    ("told", "explained"),
    [
        (AtOnce(40, 0), True),
        (AtOnce(40, 1), True),
        (AtOnce(40, 2), False),
        (AtOnce(34, 20), True),
        (AtOnce(35, 20), False),
    ],
)
def test_one_left_or_a_limit_of_one_more_explains_a_refusal(
    told: AtOnce, explained: bool, bench: Bench
) -> None:
    """Then it stays with what is told; else 33 that were taken in are not exceeded for a time."""
    assert bench.round(told=AtOnce(40, 35)) == 34
    bench.fill()
    bench.concurrency.told(told, bench.now)
    assert bench.refuse() == START
    bench.drain(WAIT)
    assert (bench.round(3, AtOnce(40, 39)) > 33) is explained


def test_a_refusal_that_the_counts_do_not_explain_is_believed(bench: Bench) -> None:
    """A limit of its own within the told one: tried again after one wait, then rarely."""
    assert bench.round(told=AtOnce(40, 35)) == 34
    bench.refuse()
    bench.drain(WAIT)
    assert bench.round(8, AtOnce(40, 20)) == 33
    bench.now += WAIT
    assert bench.round(1, AtOnce(40, 20)) == 34
    bench.refuse()
    bench.drain(WAIT)
    bench.now += WAIT
    assert bench.round(8, AtOnce(40, 20)) == 33


def test_how_many_can_leave_in_a_time(bench: Bench) -> None:
    """Until answers have shown how long they take, no more than may be in flight soon."""
    assert bench.concurrency.within(150.0, 64) == 10
    bench.round(1, seconds=100.0)
    assert bench.concurrency.within(150.0, 64) == int(bench.concurrency.allowed * 1.5)
    assert bench.concurrency.within(10.0, 64) == bench.concurrency.allowed
    assert bench.concurrency.within(10.0, 3) == 3


def test_one_slow_answer_does_not_decide_how_many_can_leave(bench: Bench) -> None:
    """The newest counts for a twentieth: seven of 200 seconds make 130 of 100."""
    bench.round(1, seconds=100.0)
    assert bench.round(1, seconds=200.0) == 11
    assert bench.concurrency.within(1301.0, 1000) == int(11 * 1301.0 / 130.166)


def test_where_more_in_flight_only_wait_fewer_are_tried(bench: Bench) -> None:
    """Told by how long calls take; questions are no measure for them."""
    bench.round(20)
    assert bench.concurrency.allowed == 40
    for _ in range(20):
        bench.fill()
        bench.now += 9.0
        for flight in list(bench.flying):
            bench.concurrency.clean(bench.land(flight), bench.now, timed=False)
    assert bench.concurrency.allowed == 40
    bench.round(8, seconds=3.0)
    fewer = bench.concurrency.allowed
    assert fewer < 20
    assert bench.round(60) == fewer


def test_questions_say_nothing_of_how_long_calls_take(bench: Bench) -> None:
    """They let the number grow like calls."""
    bench.fill()
    bench.now += 0.01
    for flight in list(bench.flying):
        bench.land(flight)
        bench.concurrency.clean(flight, bench.now, timed=False)
    assert bench.concurrency.allowed == 7
    assert bench.concurrency.within(150.0, 64) == 14


def test_a_count_that_comes_before_anything_has_left_lets_few_begin() -> None:
    """With nothing in flight so far, what the tenant tells is an upper bound and no more."""
    concurrency = Concurrency(40)
    concurrency.told(AtOnce(10, 10), 0.0)
    assert concurrency.allowed == START
    concurrency.told(AtOnce(3, 3), 0.0)
    assert concurrency.allowed == 3
