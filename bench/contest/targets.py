# SPDX-License-Identifier: MIT
"""What imgz is to reach, each kind of target able to judge the results of its job.

A target's judge(results) gives an Outcome, or None where what it needs was not measured. 'results'
is the job's dict as report.py writes it to JSON.
"""
import dataclasses
import statistics

MIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a target came to; numbers as text where people read them."""
    what: str       # "pigz -1", "peak memory"
    wanted: str     # ">= 4.2x"
    measured: str   # "4.51x"
    spread: str     # "4.40 - 4.60"
    holds: bool
    flushless: str = ""  # the same without imgz's flush


def counted_samples(contestant):
    """The samples that count: without the checked run, unless the contestant is a slow one."""
    return [sample for sample in contestant["samples"] if sample["counts"]]


def walls(contestant):
    return [sample["wall_s"] for sample in counted_samples(contestant)]


def median_wall(contestant):
    return statistics.median(walls(contestant))


def flush_s(sample):
    return ((sample["report"] or {}).get("flush_ns") or 0) / 1e9


def peak_samples_mib(contestant):
    return [sample["rss_kib"] / 1024 for sample in contestant["samples"]]


def peak_mib(contestant):
    return max(peak_samples_mib(contestant))


def pairs(contestants, ours, rival):
    """(our sample, rival's sample) of each round that both ran; or of all of our rounds, if the
    rival ran only once."""
    theirs = counted_samples(contestants[rival])
    if len(theirs) == 1:
        return [(sample, theirs[0]) for sample in counted_samples(contestants[ours])]
    own = {sample["round"]: sample for sample in contestants[ours]["samples"]}
    return [(own[sample["round"]], sample) for sample in theirs if sample["round"] in own]


def _numbers(values, unit="", digits=2):
    return (f"{statistics.median(values):.{digits}f}{unit}",
            f"{min(values):.{digits}f} - {max(values):.{digits}f}")


@dataclasses.dataclass(frozen=True)
class Speed:
    """Our contestant is at least so many times as fast as the rival, in the same round."""
    rival: str
    at_least: float
    ours: str = "imgz"
    note: str = ""

    def judge(self, results):
        contestants = results["contestants"]
        if self.ours not in contestants or self.rival not in contestants:
            return None
        both = pairs(contestants, self.ours, self.rival)
        ratios = [theirs["wall_s"] / own["wall_s"] for own, theirs in both]
        calm = [theirs["wall_s"] / (own["wall_s"] - flush_s(own)) for own, theirs in both]
        measured, spread = _numbers(ratios, "x")
        what = f"{self.rival} ({self.note})" if self.note else self.rival
        return Outcome(what, f">= {self.at_least:g}x", measured, spread,
                       statistics.median(ratios) >= self.at_least,
                       f"{statistics.median(calm):.2f}x")


@dataclasses.dataclass(frozen=True)
class Size:
    """What our contestant writes is at most so many times what the rival (or the input) takes."""
    rival: str  # "the input" is not a contestant
    at_most: float
    ours: str = "imgz"

    def judge(self, results):
        contestants = results["contestants"]
        if self.ours not in contestants:
            return None
        if self.rival == "the input":
            theirs = results["corpus_bytes"]
        elif self.rival in contestants:
            theirs = contestants[self.rival]["out_bytes"]
        else:
            return None
        ratio = contestants[self.ours]["out_bytes"] / theirs
        return Outcome(f"size of {self.rival}", f"<= {self.at_most:g}x", f"{ratio:.4f}x", "",
                       ratio <= self.at_most)


def size_text(gib):
    return f"{gib:g} GiB" if gib >= 1 else f"{gib * 1024:g} MiB"


def _points(results, series):
    """x -> contestant of a series, in the order of x."""
    found = [c for c in results["contestants"].values() if c["series"] == series]
    return {c["x"]: c for c in sorted(found, key=lambda c: c["x"])}


@dataclasses.dataclass(frozen=True)
class Peak:
    """No more memory than this at the peak, at any size of a series."""
    series: str
    at_most_mib: int

    def judge(self, results):
        points = [peak_mib(c) for c in _points(results, self.series).values()]
        if not points:
            return None
        return Outcome(f"peak memory, {self.series}", f"<= {self.at_most_mib} MiB",
                       f"{max(points):.0f} MiB", f"{min(points):.0f} - {max(points):.0f}",
                       max(points) <= self.at_most_mib)


@dataclasses.dataclass(frozen=True)
class PeakSlope:
    """No more memory for each step of a series (a thread, a GiB) than this."""
    series: str
    step: str
    at_most_mib: float

    def judge(self, results):
        points = _points(results, self.series)
        if len(points) < 2:
            return None
        xs = list(points)
        slope = (peak_mib(points[xs[-1]]) - peak_mib(points[xs[0]])) / (xs[-1] - xs[0])
        return Outcome(f"memory for each more {self.step}, {self.series}",
                       f"<= {self.at_most_mib:g} MiB", f"{slope:.2f} MiB", "",
                       slope <= self.at_most_mib)


def cpu_samples_ns_per_mib(contestant):
    """Processor time for a MiB of the disk, of each run."""
    return [sample["cpu_s"] * 1e9 / (contestant["corpus_bytes"] / MIB)
            for sample in counted_samples(contestant)]


def cpu_ns_per_mib(contestant):
    return statistics.median(cpu_samples_ns_per_mib(contestant))


@dataclasses.dataclass(frozen=True)
class FlatCost:
    """The processor time for a MiB at the largest is at most so many times that at the smallest."""
    series: str
    at_most: float

    def judge(self, results):
        points = list(_points(results, self.series).values())
        if len(points) < 2:
            return None
        ratio = cpu_ns_per_mib(points[-1]) / cpu_ns_per_mib(points[0])
        return Outcome(f"processor time for a MiB, {size_text(points[-1]['x'])} beside "
                       f"{size_text(points[0]['x'])}", f"<= {self.at_most:g}x", f"{ratio:.2f}x", "",
                       ratio <= self.at_most)


STAGES = ("feed", "work", "drain")


def stage_samples_ns_per_mib(contestant, stage):
    """Processor time of a stage for a MiB of the disk, of each run where imgz tells."""
    key = stage + "_cpu_ns"
    reports = [sample["report"] or {} for sample in counted_samples(contestant)]
    return [r[key] * MIB / r["raw_bytes"] for r in reports if r.get(key) and r.get("raw_bytes")]


def stage_ns_per_mib(contestant, stage):
    """The median of these, or None where imgz does not tell."""
    values = stage_samples_ns_per_mib(contestant, stage)
    return statistics.median(values) if values else None


def saturation_gbps(ns_per_mib):
    """The throughput in GB/s at which a stage with one thread needs all of its core."""
    return MIB / ns_per_mib


@dataclasses.dataclass(frozen=True)
class Serial:
    """A stage that has one thread would need all of its core only at so many GB/s."""
    stage: str
    at_least_gbps: float
    ours: str = "imgz"

    def judge(self, results):
        contestant = results["contestants"].get(self.ours)
        cost = contestant and stage_ns_per_mib(contestant, self.stage)
        if not cost:
            return None
        speed = saturation_gbps(cost)
        return Outcome(f"{self.stage} fills one core at", f">= {self.at_least_gbps:g} GB/s",
                       f"{speed:.1f} GB/s", f"{cost / 1000:.1f} us/MiB",
                       speed >= self.at_least_gbps)
