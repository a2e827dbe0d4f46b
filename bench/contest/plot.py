# SPDX-License-Identifier: MIT
"""Plots of the results, by gnuplot, each as SVG and PNG."""
import dataclasses
import math
import os
import statistics
import subprocess

from contest import machine, targets

OURS, GZIP, OTHER, BARE = "#1b6ac9", "#c76b1e", "#6f5aa8", "#8a8a8a"
PALE = "#bcd6f5"
GZIP_TOOLS = ("pigz", "igzip", "bgzip", "gunzip", "rapidgzip", "partclone|igzip")
FONT_PX = 13
CHARACTER_PX = 0.54 * FONT_PX

# The panels of the plot of jobs.
BAR_JOBS = ("capture", "capture-6", "capture-random", "capture-mixed", "capture-sparse",
            "capture-device", "restore", "restore-sparse", "verify", "scrub", "hash", "against")


def kind_of(name, contestant):
    """(colour, word of the legend) of a contestant."""
    if contestant["ours"]:
        return OURS, "imgz"
    if name.startswith("bare "):
        return BARE, "the bare library: no format, no checks"
    if name.startswith(GZIP_TOOLS):
        return GZIP, "tools for .gz"
    return OTHER, "other formats and tools"


def mbps(contestant, wall_s=None):
    return contestant["corpus_bytes"] / (wall_s or targets.median_wall(contestant)) / 1e6


def speed_range(contestant):
    """(least, most) of its runs, for error bars."""
    return mbps(contestant, max(targets.walls(contestant))), \
        mbps(contestant, min(targets.walls(contestant)))


def quote(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def data_block(name, rows):
    lines = [" ".join(quote(cell) if isinstance(cell, str) else f"{cell:.6g}" for cell in row)
             for row in rows]
    return [f"${name} << EOD", *lines, "EOD"]


def render(path, size, lines):
    """Draws a script as path.svg and path.png; 'size' is in pixels."""
    for suffix, terminal in (("svg", "svg noenhanced background 'white'"),
                             ("png", "pngcairo noenhanced")):
        script = [f"set terminal {terminal} size {size[0]},{size[1]} font 'DejaVu Sans,10'",
                  f"set output {quote(path + '.' + suffix)}",
                  "set border lc rgb '#606060'", "set grid back lt 1 lc rgb '#e4e4e4'",
                  "set tics textcolor rgb '#303030'", *lines, "unset output"]
        subprocess.run(["gnuplot"], input="\n".join(script).encode("utf-8"), check=True)


# ---- Throughput against ratio -------------------------------------------------------------------

class Labels:
    """Finds places for labels of points so that nothing lies on anything; in pixels."""

    def __init__(self, width, height, points):
        self.width, self.height = width, height
        self.taken = [(x - 7, y - 7, x + 7, y + 7) for x, y in points]

    def place(self, x, y, text):
        """The middle of the text's place, the nearest that is free, and whether it is far off."""
        wide, high = len(text) * CHARACTER_PX / 2 + 3, FONT_PX / 2 + 2
        for distance in (12, 20, 30, 42, 56, 72, 90, 110, 135):
            for degrees in (0, 180, 90, 270, 45, 315, 135, 225):
                dx, dy = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
                middle_x = x + dx * (distance + wide * (abs(dx) > 0.1))
                middle_y = y + dy * distance
                box = (middle_x - wide, middle_y - high, middle_x + wide, middle_y + high)
                if self.is_free(box):
                    self.taken.append(box)
                    return middle_x, middle_y, distance > 20
        return x, y, False

    def is_free(self, box):
        return (box[0] >= 2 and box[1] >= 2 and box[2] <= self.width - 2
                and box[3] <= self.height - 2
                and all(box[2] <= other[0] or other[2] <= box[0] or box[3] <= other[1]
                        or other[3] <= box[1] for other in self.taken))


@dataclasses.dataclass(frozen=True)
class RatioPoint:
    name: str
    ratio: float   # input bytes / image bytes
    speed: float   # MB/s: the median, and the least and the most of all runs
    low: float
    high: float
    colour: str
    word: str      # of the legend


def ratio_points(results):
    """All that pack the real files, each once: every level of imgz, and who takes part in other
    jobs. What imgz does there, with another chunk hash maybe, has the ratio of a level again."""
    found = {}
    for job in ("levels", "capture", "capture-6"):
        for name, contestant in results["jobs"].get(job, {}).get("contestants", {}).items():
            if job != "levels" and contestant["ours"] and "imgz fast" in found:
                continue
            found.setdefault(name, RatioPoint(
                name, contestant["corpus_bytes"] / contestant["out_bytes"], mbps(contestant),
                *speed_range(contestant), *kind_of(name, contestant)))
    return list(found.values())


def draw_ratio(results, path):
    points = ratio_points(results)
    if not points:
        return False
    size, left, right, bottom, top = (1000, 700), 0.085, 0.97, 0.105, 0.83
    low_x, high_x = min(p.ratio for p in points) - 0.08, max(p.ratio for p in points) + 0.08
    low_y, high_y = min(p.low for p in points) / 1.5, max(p.high for p in points) * 1.5
    wide, high = size[0] * (right - left), size[1] * (top - bottom)

    def pixel(point):
        return ((point.ratio - low_x) / (high_x - low_x) * wide,
                math.log(point.speed / low_y) / math.log(high_y / low_y) * high)

    labels = Labels(wide, high, [pixel(point) for point in points])
    lines = [f"set lmargin at screen {left}", f"set rmargin at screen {right}",
             f"set bmargin at screen {bottom}", f"set tmargin at screen {top}",
             f"set xrange [{low_x}:{high_x}]", f"set yrange [{low_y}:{high_y}]", "set logscale y",
             "set ytics (20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)",
             "set xlabel 'input bytes / image bytes (further right: smaller image); "
             f"the axis begins at {low_x:.2f}, not at 0'",
             "set ylabel 'MB/s of input, logarithmic (further up: faster)'",
             "set label 'Capture of real files: throughput against ratio' center "
             "at screen 0.5,0.97",
             f"set label {quote(machine.caption(results['machine']))} center at screen 0.5,0.94",
             "set label 'Points are medians, bars the slowest and the fastest run' center "
             "at screen 0.5,0.91",
             "set key at screen 0.5,0.895 center top horizontal maxrows 2 width 1 Left reverse",
             "set format x '%.2f'"]
    for point in sorted(points, key=lambda p: p.colour != OURS):
        x, y = pixel(point)
        text_x, text_y, far = labels.place(x, y, point.name)
        lines.append(f"set label {quote(point.name)} at graph {text_x / wide:.4f},"
                     f"{text_y / high:.4f} center textcolor rgb '{point.colour}'")
        if far:
            lines.append(f"set arrow from graph {x / wide:.4f},{y / high:.4f} to "
                         f"graph {text_x / wide:.4f},{text_y / high:.4f} nohead lc rgb '#c0c0c0'"
                         " back")
    words = dict.fromkeys((p.word, p.colour) for p in points)
    plots = []
    for index, (word, colour) in enumerate(words):
        lines += data_block(f"d{index}", [(p.ratio, p.speed, p.low, p.high) for p in points
                                          if p.word == word])
        plots.append(f"$d{index} using 1:2:3:4 with yerrorbars pt {6 if colour == BARE else 7} "
                     f"ps 1.2 lw 1.5 lc rgb '{colour}' title {quote(word)}")
    render(path, size, [*lines, "plot " + ", ".join(plots)])
    return True


# ---- Bars ---------------------------------------------------------------------------------------

def bar_panel(index, job, goals):
    """The panel of one job: rows from the top, ours first."""
    names = list(job["contestants"])
    bars, spans, pale, marks, texts, tics = [], [], [], [], [], []
    for row, name in enumerate(names):
        contestant = job["contestants"][name]
        speed = mbps(contestant)
        bars.append((speed, row, int(kind_of(name, contestant)[0][1:], 16)))
        low, fast = speed_range(contestant)
        spans.append((speed, row, low, fast))
        texts.append((fast, row, f"{speed:.0f}"))
        if contestant["ours"]:
            calm = [sample["wall_s"] - targets.flush_s(sample)
                    for sample in targets.counted_samples(contestant)]
            pale.append((mbps(contestant, sorted(calm)[len(calm) // 2]), row))
        if name in goals:
            marks.append((speed * goals[name], row))
        tics.append(f"{quote(name)} {row}")
    most = max(row[0] for row in bars + pale + marks + [(span[3],) for span in spans])
    texts = [(max([x] + [mark[0] for mark in marks + pale if mark[1] == row
                         and x < mark[0] + 0.03 * most < x + 0.2 * most]), row, text)
             for x, row, text in texts]
    lines = [*data_block(f"bars{index}", bars), *data_block(f"spans{index}", spans),
             *data_block(f"pale{index}", pale or [(0, 0)]),
             *data_block(f"marks{index}", marks or [(-1, 0)]),
             *data_block(f"texts{index}", texts),
             f"set title {quote(job['title'])}", f"set xrange [0:{most * 1.3:.6g}]",
             f"set yrange [{len(names) - 0.4}:-0.6]", f"set ytics ({', '.join(tics)})",
             f"set xtics {nice_step(most)}"]
    box = "using ($1/2):2:($1/2):(0.34)"
    lines.append(
        f"plot $pale{index} {box} with boxxyerror fs solid noborder lc rgb '{PALE}' notitle, "
        f"$bars{index} {box}:3 with boxxyerror fs solid noborder lc rgb variable notitle, "
        f"$spans{index} using 1:2:3:4 with xerrorbars pt -1 lc rgb '#404040' notitle, "
        f"$marks{index} using 1:2 with points pt 13 ps 1.2 lc rgb '#101010' notitle, "
        f"$texts{index} using 1:2:3 with labels left offset 0.7,0 notitle")
    return lines


def nice_step(most):
    """A step of tics so that there are about four."""
    step = 10 ** math.floor(math.log10(most / 4))
    return next(step * factor for factor in (1, 2, 2.5, 5, 10) if most / (step * factor) <= 5)


def draw_bars(results, all_jobs, path):
    names = [name for name in BAR_JOBS if results["jobs"].get(name, {}).get("contestants")]
    if not names:
        return False
    columns = min(3, len(names))
    rows = math.ceil(len(names) / columns)
    wide, high = 430 * columns, 95 + 245 * rows
    lines = [f"set multiplot layout {rows},{columns} margins screen {135 / wide:.4f},"
             f"{1 - 20 / wide:.4f},{35 / high:.4f},{1 - 120 / high:.4f} "
             f"spacing screen {155 / wide:.4f},{65 / high:.4f}",
             "set ytics scale 0", "set grid noy",
             f"set label {quote(machine.caption(results['machine']))} at screen "
             f"0.5,{1 - 18 / high:.4f} center",
             "set label 'MB/s of the disk: medians, with the slowest and the fastest run.   "
             "\u25c6 what imgz is to reach beside this rival.   "
             f"Pale: imgz without its flush.' at screen 0.5,{1 - 42 / high:.4f} center"]
    words = dict.fromkeys(kind_of(*item) for name in names
                          for item in results["jobs"][name]["contestants"].items())
    for index, (colour, word) in enumerate(words):
        lines.append(f"set label {quote(word)} at screen {(index + 0.5) / len(words):.4f},"
                     f"{1 - 66 / high:.4f} center textcolor rgb '{colour}'")
    for index, name in enumerate(names):
        goals = {target.rival: target.at_least for target in all_jobs[name].targets
                 if isinstance(target, targets.Speed)}
        lines += [*bar_panel(index, results["jobs"][name], goals), "unset label"]
    render(path, (wide, high), [*lines, "unset multiplot"])
    return True


# ---- Lines --------------------------------------------------------------------------------------

COLOURS = (OURS, GZIP, "#2e8b57", "#a03060", BARE)
POINTS = (7, 5, 9, 13, 11)


def series_of(job):
    """{name: contestants in the order of x}"""
    found = {}
    for contestant in sorted(job["contestants"].values(), key=lambda c: c["x"]):
        found.setdefault(contestant["series"], []).append(contestant)
    return found


def line_panel(key, panel, title, lines_of):
    """A panel of lines: {name: [(x, y, low, high)]}, with a tic at each value of x."""
    tics = sorted({point[0] for points in lines_of.values() for point in points})
    most = max(point[3] for points in lines_of.values() for point in points)
    x_text = targets.size_text if panel.x_label == "disk" else "{:g}".format
    x_label = panel.x_label + (", logarithmic" if panel.log_x else "")
    lines = [f"set title {quote(title)}", f"set xlabel {quote(x_label)}",
             f"set ylabel {quote(panel.y_label)}",
             "set logscale x 2" if panel.log_x else "unset logscale x",
             "set xtics (" + ", ".join(f"{quote(x_text(x))} {x:.6g}" for x in tics) + ")",
             f"set xrange [{tics[0] / 1.3:.6g}:{tics[-1] * 1.3:.6g}]" if panel.log_x else
             f"set xrange [0:{tics[-1] * 1.1:.6g}]",
             "set bmargin 6", "set key at graph 0.5,-0.19 center top horizontal",
             "set logscale y" if panel.log_y else "unset logscale y",
             "set yrange [*:*]" if panel.log_y else f"set yrange [0:{most * 1.15:.6g}]"]
    plots = []
    for index, (name, points) in enumerate(lines_of.items()):
        colour = BARE if name.startswith("bare ") else COLOURS[index % len(COLOURS)]
        lines += data_block(f"{key}{index}", points)
        plots.append(f"${key}{index} using 1:2:3:4 with yerrorbars pt {POINTS[index]} ps 0.8 "
                     f"lc rgb '{colour}' notitle, ${key}{index} using 1:2 with lines lw 2 "
                     f"dt {index + 1} lc rgb '{colour}' title {quote(name)}")
    return [*lines, "plot " + ", ".join(plots)]


def spread(x, samples):
    """(x, median, least, most)"""
    return x, statistics.median(samples), min(samples), max(samples)


def speed_lines(job):
    return {name: [(c["x"], mbps(c), *speed_range(c)) for c in contestants]
            for name, contestants in series_of(job).items()}


def cost_lines(job):
    """Processor time in us for a MiB of the disk: all of it, and imgz's stages where it tells."""
    lines = {}
    for name, contestants in series_of(job).items():
        lines[f"{name}, all" if name == "imgz" else name] = [
            spread(c["x"], [cost / 1000 for cost in targets.cpu_samples_ns_per_mib(c)])
            for c in contestants]
        for stage in targets.STAGES if name == "imgz" else ():
            costs = [(c["x"], targets.stage_samples_ns_per_mib(c, stage)) for c in contestants]
            if all(samples for _, samples in costs):
                lines[stage] = [spread(x, [cost / 1000 for cost in samples])
                                for x, samples in costs]
    return lines


def peak_lines(job):
    """Of a peak the most of all runs counts."""
    return {name: [(c["x"], targets.peak_mib(c), min(targets.peak_samples_mib(c)),
                    targets.peak_mib(c)) for c in contestants]
            for name, contestants in series_of(job).items()}


@dataclasses.dataclass(frozen=True)
class Panel:
    job: str
    title: str
    x_label: str
    y_label: str
    lines_of: callable
    log_x: bool = True
    log_y: bool = False


PANELS = {
    "growth": (Panel("growth-size", "Capture of growing disks, 1/16 data, {threads}", "disk",
                     "MB/s of the disk", speed_lines),
               Panel("growth-size", "Processor time of it", "disk",
                     "us / MiB of the disk, logarithmic", cost_lines, log_y=True),
               Panel("growth-threads", "Capture of real files by threads", "threads",
                     "MB/s of the disk", speed_lines),
               Panel("growth-threads", "Processor time of it", "threads",
                     "us / MiB of the disk, logarithmic", cost_lines, log_y=True)),
    "memory": (Panel("memory-size", "Peak memory, 2 threads", "disk", "MiB", peak_lines),
               Panel("memory-threads", "Peak memory by threads", "threads", "MiB", peak_lines,
                     log_x=False)),
}


def draw_lines(results, name, path):
    panels = [panel for panel in PANELS[name]
              if results["jobs"].get(panel.job, {}).get("contestants")]
    if not panels:
        return False
    rows = math.ceil(len(panels) / 2)
    caption = machine.processors(results["machine"]) + "; bars: the slowest and the fastest run"
    lines = [f"set multiplot layout {rows},2 title {quote(caption)}"]
    for index, panel in enumerate(panels):
        title = panel.title.format(threads=machine.threads(results["machine"]))
        lines += line_panel(f"p{index}_", panel, title,
                            panel.lines_of(results["jobs"][panel.job]))
    render(path, (1000, 30 + 380 * rows), [*lines, "unset multiplot"])
    return True


# ---- All ----------------------------------------------------------------------------------------

def draw(results, all_jobs, folder):
    """Draws what there are results for; returns [(name of the file, title)]."""
    plots = (("ratio", "Throughput against ratio", lambda path: draw_ratio(results, path)),
             ("jobs", "Throughput of each job", lambda path: draw_bars(results, all_jobs, path)),
             ("growth", "Growth with size and threads",
              lambda path: draw_lines(results, "growth", path)),
             ("memory", "Peak memory", lambda path: draw_lines(results, "memory", path)))
    return [(name, title) for name, title, function in plots
            if function(os.path.join(folder, name))]
