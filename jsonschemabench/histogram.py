"""Times in logarithmic buckets: small enough to record for every row, exact enough for percentiles.

Purpose: a row's times between masks (up to 100,000 of them) as a few dozen counts, which add up over rows.
Place: filled by `jsonschemabench.measure`, added and read by `jsonschemabench.metrics`.
Accuracy: a bucket is 1/32 of an octave, so a percentile is off by at most 1.1 %; count, sum and maximum are exact.
Not taken: recording every time.  A full run would be hundreds of megabytes for each engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

BUCKETS_PER_OCTAVE: Final = 32


@dataclass(slots=True)
class Histogram:
    """Times in microseconds: how many, their sum, the longest, and counts by bucket.

    Bucket ``b`` holds times t with ``2 ** (b / 32) <= t in ns < 2 ** ((b + 1) / 32)``.
    """

    count: int = 0
    sum_us: float = 0.0
    max_us: float = 0.0
    buckets: Counter[int] = field(default_factory=Counter)

    @classmethod
    def of_nanoseconds(cls, times: Sequence[int]) -> Histogram:
        """The histogram of times in nanoseconds."""
        if not times:
            return cls()
        values = np.maximum(np.asarray(times, dtype=np.float64), 1.0)
        numbers, counts = np.unique(np.floor(np.log2(values) * BUCKETS_PER_OCTAVE).astype(int), return_counts=True)
        buckets = Counter(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
        return cls(len(times), float(values.sum()) / 1e3, float(values.max()) / 1e3, buckets)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Histogram:
        """Read back what `record` made."""
        buckets = Counter({int(bucket): int(count) for bucket, count in record["buckets"].items()})
        return cls(int(record["count"]), float(record["sum_us"]), float(record["max_us"]), buckets)

    def record(self) -> dict[str, Any]:
        """The histogram as a JSON object."""
        return {
            "count": self.count,
            "sum_us": round(self.sum_us, 1),
            "max_us": round(self.max_us, 1),
            "buckets": {str(bucket): self.buckets[bucket] for bucket in sorted(self.buckets)},
        }

    def add(self, other: Histogram) -> None:
        """Take in another histogram."""
        self.count += other.count
        self.sum_us += other.sum_us
        self.max_us = max(self.max_us, other.max_us)
        self.buckets.update(other.buckets)

    @property
    def mean_us(self) -> float:
        """The mean; NaN where there is nothing."""
        return self.sum_us / self.count if self.count else float("nan")

    def percentile(self, percent: float) -> float:
        """The time in microseconds that ``percent`` % of all times do not exceed; NaN where there is nothing."""
        if not self.count:
            return float("nan")
        wanted = percent / 100 * self.count
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= wanted and seen < self.count:
                return min(middle_us(bucket), self.max_us)
        return self.max_us

    def points(self) -> list[tuple[float, float]]:
        """The cumulative distribution: (time in microseconds, share of times up to it), a point a bucket."""
        seen = 0
        points = []
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            points.append((min(middle_us(bucket), self.max_us), seen / self.count))
        return points


def middle_us(bucket: int) -> float:
    """The geometric middle of a bucket, in microseconds."""
    return float(2.0 ** ((bucket + 0.5) / BUCKETS_PER_OCTAVE)) / 1e3


def total(histograms: Iterable[Histogram]) -> Histogram:
    """All of them together."""
    result = Histogram()
    for one in histograms:
        result.add(one)
    return result
