"""Whether anybody has missed anything: looked at whenever nothing happens for a moment.

The safety net under the wake-ups, a round once a second, is taken away in the histories, so that a
wake-up that is lost shows here.
"""

from tests.simulation.fleet import Fleet
from tests.simulation.mischief import Mischief
from tests.simulation.witness import Witness

# Seconds until somebody has seen to what is due, though a round may fail, and the next one leaves
# leases alone for a moment.
NOTICED = 5.0
AFTER_OUTAGE = 30.0  # seconds in which workers write what they kept, before leases are taken away
UNUSED = 2.0  # seconds for which a token may be left unused in calm times


class Diligence:
    def __init__(self, fleet: Fleet, witness: Witness, mischief: Mischief) -> None:
        self.fleet = fleet
        self.world = fleet.world
        self.watch = witness.watch
        self.witness = witness
        self.mischief = mischief

    def look(self, until: float) -> None:
        """Nothing happens until then."""
        if self.witness.clock_was_set:  # what is due by it, nobody can tell
            return
        back = self.world.now > self.mischief.ledger_away_until + AFTER_OUTAGE
        if back and self.fleet.has_dispatcher(NOTICED):
            for job_id in self.watch.overdue(until - NOTICED):
                self.world.wrongs.append(f"{job_id} is seen to by nobody")
        overlooked = self.watch.overlooked(self.world.now)
        unused = self.watch.tokens.unused(self.world.now, until, self._is_wanted)
        if not self.mischief.is_calm:
            return
        if unused > UNUSED:
            self.world.wrongs.append(f"a token was left unused for {unused:.1f} s")
        for job_id, since in overlooked.items():
            if until - since > UNUSED:
                self.world.wrongs.append(f"{job_id} waits for an order that is free")

    def _is_wanted(self, bucket: str) -> bool:
        """Whether a job is ready for a token of this bucket, and a slot is free for the job."""
        if self.world.now < self.mischief.ledger_away_until or not self.watch.ready_in(bucket):
            return False
        return any(each.free and self.world.now >= each.still_until for each in self.fleet.workers)
