"""How many were removed."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Pruned:
    """`details` are receipts that had a buyer's."""

    details: int = 0
    jobs: int = 0
    orders: int = 0
    results: int = 0
    groups: int = 0
    chords: int = 0

    def __add__(self, other: "Pruned") -> "Pruned":
        return Pruned(
            *(getattr(self, one.name) + getattr(other, one.name) for one in fields(Pruned))
        )

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(Pruned))
