"""What is done to a fleet while it works: one of these every two seconds."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.chaos.crew import Crew
from tests.chaos.plan import LEASE
from tests.servers import OwnPostgreSQL, OwnRabbitMQ, OwnRedis

ASLEEP = LEASE + 2.0  # seconds: longer than a lease


@dataclass(frozen=True)
class Surroundings:
    """All that can be disturbed. `holds` says whether a worker, by its process, has a job."""

    crew: Crew
    holds: Callable[[int], bool]
    database: OwnPostgreSQL
    redis: OwnRedis
    rabbitmq: OwnRabbitMQ
    chance: random.Random

    def one_of_the_crew(self) -> int:
        """A worker, stopped in the middle of a job if any has one."""
        numbers = list(range(len(self.crew)))
        self.chance.shuffle(numbers)
        return self.crew.catch(numbers, self.holds)


DISTURBANCES: dict[str, Callable[[Surroundings], Any]] = {
    "kill a worker": lambda at: at.crew.kill(at.one_of_the_crew()),
    "stop a worker for longer than its lease": lambda at: at.crew.pause(
        at.one_of_the_crew(), ASLEEP
    ),
    "flush Redis": lambda at: at.redis.flush(),
    "restart RabbitMQ's application": lambda at: at.rabbitmq.restart_application(),
    "terminate all PostgreSQL connections": lambda at: at.database.cut_connections(),
    "restart PostgreSQL": lambda at: at.database.restart(),
}


def sequence(chance: random.Random) -> Any:
    """Their names for ever: all of them, shuffled, and again."""
    while True:
        names = list(DISTURBANCES)
        chance.shuffle(names)
        yield from names
