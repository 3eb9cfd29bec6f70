"""Figures as people read them, and whether a goal was reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from timing import Series


class Goal(NamedTuple):
    """What a figure should be."""

    low: float | None = None
    high: float | None = None

    @classmethod
    def least(cls, bound: float) -> Goal:
        """The figure should be the bound or more."""
        return cls(low=bound)

    @classmethod
    def most(cls, bound: float) -> Goal:
        """The figure should be the bound or less."""
        return cls(high=bound)

    def verdict(self, figure: float) -> str:
        """`reached` or `missed`; "" where there is no goal."""
        if self == INFORMATION:
            return ""
        low = self.low is None or figure >= self.low
        high = self.high is None or figure <= self.high
        return "reached" if low and high else "missed"

    def text(self, form: Callable[[float], str]) -> str:
        """The goal in the figure's own form; "" where there is none."""
        low = "" if self.low is None else f">= {form(self.low)}"
        high = "" if self.high is None else f"<= {form(self.high)}"
        return low or high


INFORMATION = Goal()  # the figure is told for what it says of others


class Row(NamedTuple):
    """One line of the closing table."""

    corpus: str
    measured: str
    ours: str = ""
    other: str = ""
    figure: str = ""
    goal: str = ""
    verdict: str = ""


HEADER = Row("seeds", "what", "feeds", "against", "figure", "goal", "verdict")


def duration(seconds: float) -> str:
    """Seconds or milliseconds with three digits."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def percent(share: float) -> str:
    """Hundredths of one core."""
    return f"{share:.2f} %"


def times(ratio: float) -> str:
    """A ratio."""
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:.1f}x"


def megabytes(size: float) -> str:
    """Bytes in MB of 10^6."""
    return f"{size / 1e6:.0f} MB"


def spread(series: Series, form: Callable[[float], str]) -> str:
    """The median, with the least and the most in parentheses; the one figure where it is alone."""
    if len(series.values) == 1:
        return form(series.median)
    least, most = form(min(series.values)), form(max(series.values))
    unit = least.rpartition(" ")[2]
    if unit == most.rpartition(" ")[2]:
        least = least.removesuffix(f" {unit}")
    return f"{form(series.median)} ({least}..{most})"


def table(rows: Sequence[Row]) -> str:
    """The rows in columns, beneath their header."""
    widths = [max(len(row[n]) for row in (HEADER, *rows)) for n in range(len(HEADER))]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(f"{cell:{w}}" for cell, w in zip(cells, widths, strict=True)).rstrip()

    return "\n".join((line(HEADER), line(["-" * width for width in widths]), *map(line, rows)))
