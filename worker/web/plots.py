"""Curves as SVG paths, made here so that a plot needs no script. A plot is `WIDTH` by `HEIGHT`
units, which the page stretches to its own width.
"""

import math
from collections.abc import Sequence
from itertools import groupby

WIDTH, HEIGHT = 600, 120
ROUND = (1.0, 2.0, 5.0, 10.0)

Values = Sequence[float | None]


def top_of(*curves: Values, least: float = 1.0) -> float:
    """A round number above all values."""
    highest = max((value for curve in curves for value in curve if value is not None), default=0.0)
    if highest <= least:
        return least
    scale = 10.0 ** math.floor(math.log10(highest))
    return next(step * scale for step in ROUND if step * scale >= highest * 0.999999)


def line(values: Values, top: float) -> str:
    """A path through the values; it has a gap where there is none."""
    return " ".join(
        "M" + " L".join(f"{x:g},{y:g}" for x, y in run) for run in _runs(values, top) if run
    )


def area(values: Values, top: float) -> str:
    """The same, filled down to the axis."""
    return " ".join(
        f"M{run[0][0]:g},{HEIGHT} L"
        + " L".join(f"{x:g},{y:g}" for x, y in run)
        + f" L{run[-1][0]:g},{HEIGHT} Z"
        for run in _runs(values, top)
        if run
    )


def height(value: float, top: float) -> float:
    """Where a value is drawn, from above."""
    return round(HEIGHT * (1.0 - min(value / top, 1.0)), 2)


def _runs(values: Values, top: float) -> list[list[tuple[float, float]]]:
    step = WIDTH / max(1, len(values) - 1)
    points = [
        None if value is None else (round(place * step, 2), height(value, top))
        for place, value in enumerate(values)
    ]
    runs = groupby(points, key=lambda point: point is not None)
    return [_wide([point for point in run if point], step) for is_there, run in runs if is_there]


def _wide(run: list[tuple[float, float]], step: float) -> list[tuple[float, float]]:
    """One value alone would be a point, which nobody sees."""
    if len(run) > 1:
        return run
    ((x, y),) = run
    return [(max(0.0, round(x - step / 2, 2)), y), (min(float(WIDTH), round(x + step / 2, 2)), y)]
