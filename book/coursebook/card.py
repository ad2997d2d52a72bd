"""The picture that stands for the course where a link to it is shown, and on the title page of its PDF."""

from __future__ import annotations

from pathlib import Path

INK, PALE, STATE = "#ffffff", "#9cc3e6", "#0068a8"
STEPS = 5


def draw(path: Path, title: str) -> None:
    """Draw a recurrent network unfolded in time, with ``title`` above, as a PNG of 1200 by 630 pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6.3), dpi=100, facecolor="#0b2a45")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 12), ylim=(0, 6.3))
    axes.axis("off")
    axes.text(0.75, 5.2, title, color=INK, size=38, weight="bold", va="center")
    axes.text(0.75, 4.45, "A course you can run: every gradient by hand, every claim computed", color=PALE, size=19)
    arrow = {"arrowstyle": "-|>", "color": PALE, "lw": 2.4, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 20}
    for step in range(STEPS):
        x = 1.6 + 2.2 * step
        for y, letter, colour in ((0.8, "x", "none"), (2.15, "h", STATE), (3.5, "o", "none")):
            axes.plot(x, y, "o", ms=50, mfc=colour, mec=PALE, mew=2)
            axes.text(x, y - 0.03, f"${letter}_{{{step + 1}}}$", color=INK, size=22, ha="center", va="center")
        for below in (0.8, 2.15):
            axes.annotate("", (x, below + 0.96), (x, below + 0.39), arrowprops=arrow)
        if step:
            axes.annotate("", (x - 0.39, 2.15), (x - 1.81, 2.15), arrowprops=arrow)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
