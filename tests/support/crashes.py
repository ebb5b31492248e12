"""Three specs whose process dies at any edge, and what must be true once all is settled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from support.engine import item
from support.world import HOUR, RunOutcome, World
from support.world_net import LOST_ON_THE_WAY, REPLY_LOST, gateway
from zbatch.emulator import Mishap, Scheduled
from zbatch.emulator.book import AccountStatus, BookAccount
from zbatch.model import ExitCode, Identity, Item, Outcome, Settling

SHORT = 2.0
WEEKEND = 30 * HOUR
REST = Settling(settle=600.0)  # seconds, longer than any call runs here

MakeWorld = Callable[..., World]
INVOICED, FAILED, NOTHING = Outcome.INVOICED, Outcome.FAILED, Outcome.NOTHING_TO_BILL


@dataclass(frozen=True, slots=True)
class Scene:
    """A spec, the world that it runs in, and what each of its items comes to in the end."""

    name: str
    ends: Mapping[Identity, Outcome]
    items: tuple[Item, ...]
    objects: int
    book: Mapping[str, BookAccount]
    prepare: Callable[[World, tuple[Item, ...]], None]

    def world(self, make_world: MakeWorld) -> World:
        """Make a world in which the run that is to die comes next."""
        world = make_world(book=dict(self.book) or None)
        world.limits = replace(world.limits, objects_per_call=self.objects)
        world.settling = REST
        self.prepare(world, self.items)
        return world

    def edges(self, make_world: MakeWorld) -> int:
        """Count the edges of the run if nothing kills it."""
        return len(self.world(make_world).run(self.items).edges)

    def converge(self, world: World, downtime: float) -> RunOutcome:
        """Run again after so many seconds, and from then on whenever doubt has rested.

        What was last said to be still executing is settled only once its key is 23 hours old.
        """
        for wait in (downtime, REST.settle + 60.0, REST.settle + 60.0, WEEKEND, REST.settle + 60.0):
            world.pass_time(wait)
            run = world.run(self.items)
            if run.exit_code in (ExitCode.OK, ExitCode.FAILURES):
                return run
        raise AssertionError("\n".join(["not settled:", *world.told()[-30:]]))

    def check(self, world: World, run: RunOutcome) -> None:
        """Hold that each item came to its end, was billed once if at all, and is told by its ID."""
        outcomes = {identity: record.outcome for identity, record in run.records.items()}
        assert outcomes == dict(self.ends), world.told()[-60:]
        billed = [world.billed(one) for one in self.items]
        wanted = [int(self.ends[one.identity] is INVOICED) for one in self.items]
        assert billed == wanted, world.told()[-60:]
        named = {record.invoice_id for record in run.records.values() if record.outcome.success}
        assert named == {invoice.id for invoice in world.invoices}, world.told()[-60:]


def _ends(items: tuple[Item, ...], **others: Outcome) -> dict[Identity, Outcome]:
    numbers = {int(name.removeprefix("account")): outcome for name, outcome in others.items()}
    return {
        one.identity: numbers.get(int(one.identity.account_id, 16) % 0x100, INVOICED)
        for one in items
    }


def _nothing(world: World, items: tuple[Item, ...]) -> None:
    """Begin with an empty ledger and a tenant that answers."""


def _one_row_locked(world: World, items: tuple[Item, ...]) -> None:
    """Let the third object of the first call find its account locked."""
    lock = Mishap(executed=False, code="LOCK_COMPETITION", rows=(2,))
    world.faults.switch([Scheduled(lock, at=1)])


def _left_in_doubt(world: World, items: tuple[Item, ...]) -> None:
    """Leave doubt of each kind: old keys, executed or not, burnt ones too, and a young one.

    Of the old ones a question claims what was executed, the others get their next key; the young
    one is sent again as it is.
    """
    *old, young = items
    world.max_attempts = 4
    world.troubles = {
        1: REPLY_LOST,
        2: LOST_ON_THE_WAY,
        3: gateway(502, arrives=True),
        **dict.fromkeys(range(4, 40), gateway(502)),
    }
    world.run(old)
    world.pass_time(WEEKEND)
    world.max_attempts = 1
    world.troubles = {world.sent + 1: REPLY_LOST}
    world.run([young])
    world.troubles = {}
    world.max_attempts = 6
    world.pass_time(SHORT)


def _account(number: int) -> str:
    return item(number).identity.account_id


_DATES = (item(1), item(2), item(3), item(4, 10), item(4, 20), item(5))
_MANY = (*(item(number) for number in range(1, 9)), item(9, 10), item(9, 20), item(10))
_RESUMED = (item(1), item(2), item(3), item(4, 10), item(4, 20), item(5))

SCENES = (
    Scene("two-dates", _ends(_DATES), _DATES, 1, {}, _nothing),
    Scene(
        "ten-objects",
        _ends(_MANY, account5=FAILED, account6=NOTHING),
        _MANY,
        10,
        {
            **{one.identity.account_id: BookAccount(latency=1.0) for one in _MANY},
            _account(5): BookAccount(status=AccountStatus.CANCELED),
            _account(6): BookAccount(charges_due=False),
        },
        _one_row_locked,
    ),
    Scene("resumed", _ends(_RESUMED), _RESUMED, 1, {}, _left_in_doubt),
)
