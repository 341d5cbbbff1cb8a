"""What a process counts and knows about itself, for whoever asks how it is.

A role answers requests on `health.NODE.ROLE` of the bus with the report of its registry; the api shows them at
`/offhook/v1/health`, and `offhook doctor` says them in words. Reports name peers and causes, never a number, a
body or a secret.

Single-threaded: each metric belongs to the event loop that makes it, so counting is one addition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias, TypeVar

Value: TypeAlias = float | int | str | bool | Sequence["Value"] | Mapping[str, "Value"] | None
"""What goes into a report: what JSON can hold."""

Metric = TypeVar("Metric", "Counter", "Fact")


class Registry:
    """The metrics of a process, by name."""

    def __init__(self) -> None:
        self._metrics: dict[str, Counter | Fact] = {}

    def counter(self, name: str, labels: int = 0) -> Counter:
        """A number that only grows, or one for each combination of its labels."""
        return self._add(name, Counter(labels))

    def fact(self, name: str, read: Callable[[], Value]) -> Fact:
        """Something that `read` tells each time it is asked; the last one of a name counts."""
        return self._add(name, Fact(read))

    def report(self) -> dict[str, Value]:
        """Every metric as JSON can hold it: numbers, and objects of numbers by label."""
        return {name: metric.shown() for name, metric in self._metrics.items()}

    def _add(self, name: str, metric: Metric) -> Metric:
        self._metrics[name] = metric
        return metric


class Counter:
    """A number that only grows, for each combination of label values.

    Labels come from our own fixed vocabulary (a status, a reason), never from a peer: each is kept.
    """

    def __init__(self, labels: int = 0) -> None:
        self._labels = labels
        self._values: dict[tuple[str, ...], float] = {} if labels else {(): 0}

    def add(self, amount: float = 1, *labels: str) -> None:
        """Count `amount`, for these label values in their usual order."""
        self._values[labels] = self._values.get(labels, 0) + amount

    def value(self, *labels: str) -> float:
        """What has been counted."""
        return self._values.get(labels, 0)

    def shown(self) -> Value:
        """The number, or an object of numbers whose keys are label values joined by spaces."""
        if not self._labels:
            return self._values[()]
        return {" ".join(labels): value for labels, value in self._values.items()}


class Fact:
    """Something that is read when it is asked for."""

    def __init__(self, read: Callable[[], Value]) -> None:
        self._read = read

    def shown(self) -> Value:
        """What it is at this moment."""
        return self._read()


registry: Final = Registry()
"""The metrics of this process."""
