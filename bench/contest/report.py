# SPDX-License-Identifier: MIT
"""Results as JSON, CSV, tables for people, and a section of the README."""
import csv
import json
import os
import statistics

from contest import machine, targets

JSON_NAME = "rivals.json"
CSV_NAME = "rivals.csv"
TABLE_NAME = "table.md"

README_BEGIN = "<!-- bench/rivals --publish writes from here -->"
README_END = "<!-- to here -->"

# What the README shows of the targets, by job and rival; all of them are in TABLE_NAME.
README_ROWS = (("capture", "zstd -1"), ("capture", "pigz -1"), ("capture-6", "pigz -6"),
               ("capture-sparse", "pigz -1"), ("restore", "zstd -d"), ("restore", "gunzip|cp"),
               ("scrub", "cat"), ("against", "cat"))
README_PLOTS = ("ratio",)


# ---- Rows ---------------------------------------------------------------------------------------

def contestant_rows(results):
    """One dict for each contestant of a job."""
    for name, contestant in results["contestants"].items():
        samples = targets.counted_samples(contestant)
        walls = targets.walls(contestant)
        median = statistics.median(walls)
        yield {
            "job": results["name"],
            "contestant": name,
            "MB/s": round(contestant["corpus_bytes"] / median / 1e6),
            "median_s": round(median, 3),
            "min_s": round(min(walls), 3),
            "max_s": round(max(walls), 3),
            "flush_s": round(statistics.median(targets.flush_s(s) for s in samples), 3)
                       if contestant["ours"] else "",
            "cpu_s": round(statistics.median(sample["cpu_s"] for sample in samples), 2),
            "peak_MiB": round(targets.peak_mib(contestant)),
            "out/in": round(contestant["out_bytes"] / contestant["corpus_bytes"], 4)
                      if contestant["out_bytes"] else "",
            "runs": len(walls),
        }


def outcomes(results, jobs):
    """(job's results, Outcome) of every target that was measured."""
    for name, job in jobs.items():
        if name not in results["jobs"]:
            continue
        for target in job.targets:
            outcome = target.judge(results["jobs"][name])
            if outcome is not None:
                yield results["jobs"][name], outcome


# ---- Tables -------------------------------------------------------------------------------------

def markdown(rows):
    """A table in Markdown of a list of dicts."""
    if not rows:
        return []
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    for row in rows:
        cells = (str(cell).replace("|", "\\|") for cell in row.values())
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def plain(rows):
    """The same with aligned columns, for a terminal."""
    if not rows:
        return ""
    table = [list(rows[0])] + [[str(cell) for cell in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table)]
    return "\n".join("  ".join(cell.ljust(width) if place < 2 else cell.rjust(width)
                               for place, (cell, width) in enumerate(zip(line, widths))).rstrip()
                     for line in table)


def target_rows(results, jobs):
    return [{"job": job["title"], "beside": outcome.what, "wanted": outcome.wanted,
             "measured": outcome.measured, "min - max": outcome.spread,
             "without flush": outcome.flushless,
             "": "holds" if outcome.holds else "misses"}
            for job, outcome in outcomes(results, jobs)]


def stage_rows(results):
    """What the stages of the pipeline cost, where imgz tells."""
    rows = []
    for job in results["jobs"].values():
        for name, contestant in job["contestants"].items():
            costs = {stage: targets.stage_ns_per_mib(contestant, stage)
                     for stage in targets.STAGES}
            if costs["feed"] is None or costs["drain"] is None or job["name"].startswith("memory"):
                continue
            row = {"job": job["name"], "contestant": name}
            for stage, cost in costs.items():
                row[f"{stage} us/MiB"] = "" if cost is None else f"{cost / 1000:.1f}"
            for stage in ("feed", "drain"):
                row[f"{stage} fills a core at GB/s"] = \
                    f"{targets.saturation_gbps(costs[stage]):.1f}"
            rows.append(row)
    return rows


def explain(results):
    settings = results["settings"]
    return (f"The real, random and mixed corpora have {settings['mib']} MiB. All contestants of a "
            f"job run in turn, {settings['rounds']} rounds; a rival that would need more than "
            f"{settings['patience']:g} s for them (a quarter of that, if no target is about it) "
            "runs fewer, at least once: see the column runs. What a contestant writes is checked "
            "before it is timed. A ratio is rival's time / imgz's time within a round, the median "
            "over the rounds. imgz's time includes its flush to stable storage (flush_s: what is "
            "left of it at the end); rivals do not flush. Inputs are in the page cache. The whole "
            f"took {sum(job['elapsed_s'] for job in results['jobs'].values()) / 60:.0f} minutes.")


def table_text(results, jobs):
    """The whole report in Markdown."""
    lines = ["# imgz beside its rivals", "", machine.describe(results["machine"]) + ".", "",
             explain(results), "", "## Targets", ""]
    lines += markdown(target_rows(results, jobs))
    stages = stage_rows(results)
    if stages:
        lines += ["", "## Processor time of the pipeline's stages", "",
                  "Feed and drain have one thread each; work is shared by all workers.", ""]
        lines += markdown(stages)
    lines += ["", "## All runs", ""]
    for job in results["jobs"].values():
        lines += [f"### {job['name']}: {job['title']}", ""]
        lines += markdown([{key: value for key, value in row.items() if key != "job"}
                           for row in contestant_rows(job)])
        lines += [""] + [f"Left out: {name}, {reason}" for name, reason in job["left_out"].items()]
        lines += [""] if job["left_out"] else []
    lines += ["## Commands", "", "```"]
    shown = set()
    for job in results["jobs"].values():
        for name, contestant in job["contestants"].items():
            command = contestant["command"]
            if command not in shown and not contestant["series"]:
                shown.add(command)
                lines.append(f"{job['name']:16} {name:18} {command}")
    lines += ["```", "", "Versions: " + ", ".join(
        f"{name} {version}" for name, version in results["machine"]["versions"].items()) + "."]
    return "\n".join(lines) + "\n"


# ---- Files --------------------------------------------------------------------------------------

def load(folder):
    """The results of an earlier run, or None."""
    try:
        with open(os.path.join(folder, JSON_NAME), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def write(results, jobs, folder):
    """Everything but the plots."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, JSON_NAME + ".part"), "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)
        file.write("\n")
    os.rename(os.path.join(folder, JSON_NAME + ".part"), os.path.join(folder, JSON_NAME))
    rows = [row for job in results["jobs"].values() for row in contestant_rows(job)]
    if rows:
        with open(os.path.join(folder, CSV_NAME), "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    with open(os.path.join(folder, TABLE_NAME), "w", encoding="utf-8") as file:
        file.write(table_text(results, jobs))


def readme_rows(results, jobs):
    return [{"job": job["title"], "beside": outcome.what, "times as fast": outcome.measured,
             "min - max": outcome.spread}
            for job, outcome in outcomes(results, jobs)
            if (job["name"], outcome.what) in README_ROWS]


def readme_section(results, jobs, folder, plots):
    """What stands between the marks of the README: machine, a plot, the main targets."""
    judged = [outcome.holds for _, outcome in outcomes(results, jobs)]
    lines = ["", "Measured on " + machine.describe(results["machine"]) + ".", ""]
    lines += [f"![{title}]({folder}/{name}.png)\n" for name, title in plots
              if name in README_PLOTS]
    lines += markdown(readme_rows(results, jobs))
    lines += ["", f"A ratio is the rival's time / imgz's time, the median over the rounds. "
              f"{sum(judged)} of {len(judged)} targets hold. All of them, all figures, how they "
              f"were measured, and the commands: [{folder}/{TABLE_NAME}]({folder}/{TABLE_NAME}).",
              ""]
    return "\n".join(lines)


def publish(results, jobs, readme, folder, plots):
    """Replaces what stands between the marks of the README."""
    with open(readme, encoding="utf-8") as file:
        text = file.read()
    head, begin, rest = text.partition(README_BEGIN)
    _, end, tail = rest.partition(README_END)
    if not begin or not end:
        raise ValueError(f"{readme} has no place marked for the results")
    with open(readme, "w", encoding="utf-8") as file:
        file.write(head + begin + "\n" + readme_section(results, jobs, folder, plots) + end + tail)
