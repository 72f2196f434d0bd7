"""The short form of the chaos run; `make chaos` plays the long one."""

from tests.chaos.plan import Plan
from tests.chaos.run import play

SHORT = Plan(jobs=150, sellers=10, workers=3, seed=1, spread=15.0)


def test_a_fleet_that_is_disturbed_every_two_seconds_keeps_every_promise(tmp_path):
    report = play(SHORT, tmp_path)
    told = "\n".join(report.lines())
    assert not report.wrong, told
    assert report.jobs.total() == SHORT.jobs, told
    assert report.lost_leases, told  # it was disturbed indeed
    assert min(report.disturbances.values()) >= 1, told
