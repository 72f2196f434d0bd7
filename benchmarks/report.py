"""A benchmark's table and plot, in `results/`: NAME.md, NAME.svg."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import Machine

RESULTS = Path(__file__).parent / "results"
OURS, THEIRS, PERMITTED = "#0b6e4f", "#9aa0a6", "#c0392b"


@dataclass(slots=True)
class Report:
    name: str
    title: str
    headers: Sequence[str]
    machine: Machine
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        """A row, also printed at once: a long benchmark is watched."""
        self.rows.append(cells)
        print(f"{self.name}: {' | '.join(cells)}", flush=True)

    def write(self, draw: Callable[[Any], None], *, keep: bool = True) -> None:
        """Print the table; keep it with the plot that `draw(axes)` makes."""
        text = self._markdown()
        print(text)
        if not keep:
            return
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{self.name}.md").write_text(text, encoding="utf-8")
        plot(RESULTS / f"{self.name}.svg", self.title, draw)

    def _markdown(self) -> str:
        lines = [f"# {self.title}", "", _line(self.headers), _line(["---"] * len(self.headers))]
        lines += [_line(row) for row in self.rows]
        lines += ["", f"{datetime.now(UTC):%Y-%m-%d}: {self.machine.told()}."]
        for note in self.notes:
            lines += ["", note]
        return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def plot(path: Path, title: str, draw: Callable[[Any], None]) -> None:
    """Draw one plot; the same figures give the same file."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    with mpl.rc_context({"svg.hashsalt": "order-worker", "font.size": 9}):
        figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
        axes.set_title(title)
        axes.spines[["top", "right"]].set_visible(False)
        draw(axes)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")
