"""Many jobs at once against a quota: `utilisation` and `sellers` are this with their numbers."""

import time
from collections.abc import Sequence
from typing import Any

from benchmarks import machine
from benchmarks.contestants import Contestant, Race, order
from benchmarks.line import needed, use
from benchmarks.provider import Arrival, Provider, names
from benchmarks.report import OURS, PERMITTED, Report

STILL = 20.0  # seconds without an arrival after which nothing more will come (the SDK sleeps 10)
LOOK = 0.5  # seconds
POINTS = 250  # of a curve

HEADERS = ("", "share of the permitted rate", "seconds", "throttles per success", "lost orders")


def compete(
    name: str,
    title: str,
    contestants: Sequence[Contestant],
    race: Race,
    each: int,
    *,
    keep: bool,
) -> None:
    """Let each contestant confirm `each` orders of every seller, and report."""
    report = Report(name, title, HEADERS, machine.look())
    curves: list[tuple[Contestant, list[float]]] = []
    for contestant in contestants:
        arrivals = run(contestant, race, each)
        orders = each * race.sellers
        found = use(arrivals, race.quota, orders, race.sellers)
        report.add(
            contestant.name,
            f"{found.share:.1%}",
            f"{found.seconds:.2f}",
            f"{found.throttles_per_success:.2f}",
            str(found.lost),
        )
        began = arrivals[0].at
        curves.append((contestant, [a.at - began for a in arrivals if a.applied]))
    ideal = needed(race.quota, each)
    report.notes.append(
        f"The permitted line takes {ideal:.1f} s. Confirmed orders by the provider's log: "
        f"![confirmed orders over time]({name}.svg)"
    )
    report.write(lambda axes: _draw(axes, curves, race, each), keep=keep)


def run(contestant: Contestant, race: Race, each: int) -> list[Arrival]:
    """One contestant's run; the requests of the race as the provider saw them."""
    with race.begin(contestant) as stage:
        stage.workers()
        stage.ask(
            [order(seller, number) for number in range(each) for seller in names(race.sellers)]
        )
        return until_still(stage.at, each * race.sellers)


def until_still(at: Provider, orders: int) -> list[Arrival]:
    """The requests of the race, once all orders are confirmed or nothing comes any more."""
    seen, changed = 0, time.monotonic()
    while True:
        arrivals = at.arrivals()
        if sum(arrival.applied for arrival in arrivals) >= orders:
            return arrivals
        if len(arrivals) != seen:
            seen, changed = len(arrivals), time.monotonic()
        elif time.monotonic() - changed > STILL:
            return arrivals
        time.sleep(LOOK)


def _draw(
    axes: Any, curves: Sequence[tuple[Contestant, list[float]]], race: Race, each: int
) -> None:
    (capacity, rate), sellers = race.quota, race.sellers
    full = each * sellers
    longest = needed(race.quota, each) * 3
    axes.plot(
        [0, 0, needed(race.quota, each)],
        [0, capacity * sellers, full],
        color=PERMITTED,
        linestyle="--",
        label=f"permitted: {capacity * sellers:g}, then {rate * sellers:g}/s",
    )
    theirs = iter(("#3b4a6b", "#7b8794", "#b07d2b", "#8e5ea2", "#5aa5c4", "#a9a9a9"))
    ours = iter((OURS, "#4caf82"))
    for contestant, times in curves:
        color = next(ours if contestant.is_ours else theirs)
        shown = range(0, len(times), max(1, len(times) // POINTS))
        confirmed = [each + 1 for each in shown]
        moments = [times[each] for each in shown]
        axes.step(moments, confirmed, where="post", color=color, label=contestant.name)
    axes.set_xlim(0, longest)
    axes.set_xlabel("seconds since the first request")
    axes.set_ylabel("confirmed orders")
    axes.legend(loc="lower right", frameon=False, fontsize=8)
