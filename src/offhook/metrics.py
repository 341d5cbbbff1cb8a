"""Counters, gauges and histograms of one process, in the text format that Prometheus reads (version 0.0.4).

Single-threaded: each belongs to the event loop (or tick) that makes it, so counting is one addition.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds that suit times of requests."""

Labels = tuple[str, ...]
Metric = TypeVar("Metric", "Counter", "Gauge", "Histogram")


class Registry:
    """The metrics of a process."""

    def __init__(self) -> None:
        self._metrics: list[Counter | Gauge | Histogram] = []

    def counter(self, name: str, help: str, labels: Sequence[str] = ()) -> Counter:
        """A number that only grows; its name ends in `_total`."""
        return self._add(Counter(name, help, tuple(labels)))

    def gauge(self, name: str, help: str, read: Callable[[], float] | None = None) -> Gauge:
        """A number that goes up and down; `read`, when given, is asked each time it is shown."""
        return self._add(Gauge(name, help, read))

    def histogram(self, name: str, help: str, bounds: Sequence[float] = SECONDS) -> Histogram:
        """How often values were at most each of `bounds`."""
        return self._add(Histogram(name, help, tuple(bounds)))

    def render(self) -> str:
        """All metrics as text."""
        return "".join(line + "\n" for metric in self._metrics for line in metric.lines())

    def _add(self, metric: Metric) -> Metric:
        self._metrics.append(metric)
        return metric


class Counter:
    """A number that only grows, one for each combination of label values."""

    def __init__(self, name: str, help: str, labels: Labels) -> None:
        self._name, self._help, self._labels = name, help, labels
        self._values: dict[Labels, float] = {} if labels else {(): 0.0}

    def add(self, amount: float = 1.0, *labels: str) -> None:
        """Count `amount`, for these label values in the order they were declared."""
        self._values[labels] = self._values.get(labels, 0.0) + amount

    def value(self, *labels: str) -> float:
        """What has been counted."""
        return self._values.get(labels, 0.0)

    def lines(self) -> Iterator[str]:
        """The metric as text."""
        yield from _head(self._name, self._help, "counter")
        for labels, value in self._values.items():
            pairs = ",".join(
                f'{name}="{_escape(text)}"' for name, text in zip(self._labels, labels, strict=True)
            )
            yield f"{self._name}{{{pairs}}} {value:g}" if pairs else f"{self._name} {value:g}"


class Gauge:
    """A number that goes up and down."""

    def __init__(self, name: str, help: str, read: Callable[[], float] | None) -> None:
        self._name, self._help, self._read = name, help, read
        self.value = 0.0

    def lines(self) -> Iterator[str]:
        """The metric as text."""
        yield from _head(self._name, self._help, "gauge")
        yield f"{self._name} {self._read() if self._read is not None else self.value:g}"


class Histogram:
    """How often values were at most each bound, their sum and their number."""

    def __init__(self, name: str, help: str, bounds: tuple[float, ...]) -> None:
        self._name, self._help, self._bounds = name, help, bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self) -> Iterator[str]:
        """The metric as text."""
        yield from _head(self._name, self._help, "histogram")
        total = 0
        for bound, count in zip(
            (*(f"{bound:g}" for bound in self._bounds), "+Inf"), self._counts, strict=True
        ):
            total += count
            yield f'{self._name}_bucket{{le="{bound}"}} {total}'
        yield f"{self._name}_sum {self._sum:g}"
        yield f"{self._name}_count {total}"


def _head(name: str, help: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {help}"
    yield f"# TYPE {name} {kind}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


registry: Final = Registry()
"""The metrics of this process."""
