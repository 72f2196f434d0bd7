"""What an object looked like when: the way a lagging read sees the past."""

from typing import Generic, TypeVar

View = TypeVar("View")


class Timeline(Generic[View]):
    """The views of one object in the order in which they came into force (epoch seconds)."""

    __slots__ = ("_views",)

    def __init__(self, at: float, view: View) -> None:
        self._views = [(at, view)]

    @property
    def now(self) -> View:
        return self._views[-1][1]

    def record(self, at: float, view: View) -> None:
        self._views.append((at, view))

    def seen(self, at: float) -> View:
        """The view in force at a moment; before the first one, the first."""
        for since, view in reversed(self._views):
            if since <= at:
                return view
        return self._views[0][1]
