"""Who came in vain stands back for the next token; who published wakes for it at once."""

import pytest

from worker.domain.waking import LEAST, MOST, Waking


def came(waking, at, *, published):
    return waking.wait(at, 1.0, for_token=True, has_published=published) - 1.0


def test_the_first_token_is_anybodys():
    assert came(Waking(), 0.0, published=False) == 0.0


def test_who_comes_in_vain_stands_back_longer_each_time_but_never_long():
    waking = Waking()
    came(waking, 0.0, published=False)
    back = [came(waking, float(at), published=False) for at in range(1, 9)]
    assert back[:3] == pytest.approx([LEAST, 2 * LEAST, 4 * LEAST])
    assert back[-1] == pytest.approx(MOST)


def test_who_has_published_comes_first_again():
    waking = Waking()
    for at in range(5):
        came(waking, float(at), published=False)
    assert came(waking, 5.0, published=True) == 0.0


def test_a_round_before_the_token_is_not_in_vain():
    waking = Waking()
    came(waking, 0.0, published=False)
    assert came(waking, 0.5, published=False) == 0.0  # somebody wrote


def test_what_is_no_token_is_waited_for_as_long_as_it_takes():
    waking = Waking()
    for at in range(5):
        came(waking, float(at), published=False)
    assert waking.wait(9.0, 0.25, for_token=False, has_published=False) == 0.25


def test_of_many_dispatchers_one_or_two_wake_in_time_for_a_token():
    """Tokens come every 50 ms; whoever wakes first takes one, and its round takes 3 ms."""
    fleet = [Waking() for _ in range(16)]
    wakes_at = [0.0] * len(fleet)
    taken, in_time = 0, []
    while taken < 200:
        number = min(range(len(fleet)), key=wakes_at.__getitem__)
        now = wakes_at[number] + 0.003
        published = now >= taken * 0.05
        if published:
            taken += 1
            in_time.append(0)
        in_time[-1] += wakes_at[number] < (taken - 1) * 0.05 + 0.005
        left = taken * 0.05 - now
        wait = fleet[number].wait(now, left, for_token=True, has_published=published)
        wakes_at[number] = now + wait
    assert max(in_time[20:]) <= 2
