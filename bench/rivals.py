#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times imgz beside the tools people use today, in turn, and prints medians, spread and ratios.

    bench/rivals.py [--imgz PATH] [--folder DIR] [--rounds N] [--mib N] [--csv FILE] [JOB ...]

Every job runs all its contestants once per round, one after the other, so that all of them meet the
same machine. A ratio is the median over the rounds of rival's time / imgz's time within the round:
2.0 means imgz is twice as fast. What a contestant writes is checked once, before anything is timed.
Rivals run as their users run them, without fsync; imgz's time includes its own flush.
"""
import argparse
import csv
import os
import shutil
import statistics
import subprocess
import sys
import time

JOBS = {}


def job(name, corpus, prepare=()):
    """Declares a job: its function returns {contestant: shell command}, imgz first. 'prepare' names
    shell commands that make the inputs. {imgz}, {in} and so on are filled in when it runs."""

    def declare(function):
        JOBS[name] = (corpus, prepare, function())
        return function

    return declare


# A command writes {out}; "check" tells what {out} must be: the same bytes as the corpus once
# unpacked ("gunzip", "zstd"), or as they are ("raw").
@job("capture", "real")
def capture():
    return {
        "imgz": ("{imgz} capture -q --force {in} {out}", "gunzip"),
        "pigz -1": ("pigz -1 -p2 -c {in} > {out}", "gunzip"),
        "zstd -1": ("zstd -1 -T2 -q -c {in} > {out}", "zstd"),
        "igzip -1": ("igzip -1 -c {in} > {out}", "gunzip"),
        "bgzip -l1": ("bgzip -l1 -@2 -c {in} > {out}", "gunzip"),
    }


@job("capture-6", "real")
def capture_6():
    return {
        "imgz -6": ("{imgz} capture -6 -q --force {in} {out}", "gunzip"),
        "pigz -6": ("pigz -6 -p2 -c {in} > {out}", "gunzip"),
        "bgzip -l6": ("bgzip -l6 -@2 -c {in} > {out}", "gunzip"),
    }


@job("restore", "real", prepare=("{imgz} capture -q --force {in} {in}.gz",
                                 "bgzip -l1 -@2 -c {in} > {in}.bgz",
                                 "zstd -1 -T2 -q -f {in} -o {in}.zst"))
def restore():
    return {
        "imgz": ("{imgz} restore -q --force {in}.gz {out}", "raw"),
        "gunzip|cp": ("gunzip -ck {in}.gz | cp --sparse=always /proc/self/fd/0 {out}", "raw"),
        "pigz -d|cp": ("pigz -dc {in}.gz | cp --sparse=always /proc/self/fd/0 {out}", "raw"),
        "bgzip -d|cp": ("bgzip -d -@2 -c {in}.bgz | cp --sparse=always /proc/self/fd/0 {out}",
                        "raw"),
        "zstd -d": ("zstd -d --sparse -q -f {in}.zst -o {out}", "raw"),
    }


@job("capture-random", "random")
def capture_random():
    return {
        "imgz": ("{imgz} capture -q --force {in} {out}", "gunzip"),
        "cp": ("cp {in} {out}", "raw"),
        "zstd -1": ("zstd -1 -T2 -q -c {in} > {out}", "zstd"),
        "pigz -1": ("pigz -1 -p2 -c {in} > {out}", "gunzip"),
    }


@job("capture-mixed", "mixed")
def capture_mixed():
    return {
        "imgz": ("{imgz} capture -q --force {in} {out}", "gunzip"),
        "zstd -1": ("zstd -1 -T2 -q -c {in} > {out}", "zstd"),
        "pigz -1": ("pigz -1 -p2 -c {in} > {out}", "gunzip"),
    }


@job("capture-sparse", "sparse")
def capture_sparse():
    return {
        "imgz": ("{imgz} capture -q --force {in} {out}", None),
        "zstd -1": ("zstd -1 -T2 -q -c {in} > {out}", None),
        "pigz -1": ("pigz -1 -p2 -c {in} > {out}", None),
    }


@job("restore-sparse", "sparse", prepare=("{imgz} capture -q --force {in} {in}.gz",
                                          "zstd -1 -T2 -q -f {in} -o {in}.zst"))
def restore_sparse():
    return {
        "imgz": ("{imgz} restore -q --force {in}.gz {out}", None),
        "zstd -d": ("zstd -d --sparse -q -f {in}.zst -o {out}", None),
        "gunzip|cp": ("gunzip -ck {in}.gz | cp --sparse=always /proc/self/fd/0 {out}", None),
    }


@job("hash", "real", prepare=("{imgz} capture -q --force {in} {in}.gz",))
def hash_cached():
    return {
        "imgz hash": ("{imgz} hash -q {in} > /dev/null", None),
        "imgz verify --against": ("{imgz} verify -q {in}.gz --against {in}", None),
        "cat": ("cat {in} > /dev/null", None),
        "sha256sum": ("sha256sum {in} > /dev/null", None),
    }


@job("verify", "real", prepare=("{imgz} capture -q --force {in} {in}.gz",))
def verify():
    return {
        "imgz": ("{imgz} verify -q {in}.gz", None),
        "gunzip -t": ("gunzip -t {in}.gz", None),
        "pigz -t": ("pigz -t {in}.gz", None),
    }


def make_real(path, size):
    """Binaries and libraries of this machine, as a tar."""
    with open(path, "wb") as out:
        tar = subprocess.Popen(["tar", "-C", "/", "-c", "--ignore-failed-read", "usr/lib", "usr/bin",
                                "usr/share"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        left = size
        while left > 0:
            piece = tar.stdout.read(min(left, 1 << 20))
            if not piece:
                break
            out.write(piece)
            left -= len(piece)
        tar.kill()
        tar.wait()


def make_random(path, size):
    with open(path, "wb") as out:
        for _ in range(size >> 20):
            out.write(os.urandom(1 << 20))


def make_mixed(path, size):
    """Thirds: files, random bytes, zeros, in turns of 8 MiB."""
    piece = 8 << 20
    make_real(path + ".real", size // 3)
    with open(path + ".real", "rb") as real, open(path, "wb") as out:
        for _ in range(size // 3 // piece):
            out.write(real.read(piece))
            out.write(os.urandom(piece))
            out.write(bytes(piece))
    os.unlink(path + ".real")


def make_sparse(path, size):
    """A drive of 16 times the size: a filesystem image with 2.4 times the size of files in it."""
    make_real(path + ".real", size * 12 // 5)
    with open(path + ".real", "rb") as real, open(path, "wb") as out:
        for index in range(60):
            out.seek(index * (size * 16 // 60) // 4096 * 4096)
            out.write(real.read(size * 12 // 5 // 60))
        out.truncate(size * 16)
    os.unlink(path + ".real")


CORPORA = {"real": make_real, "random": make_random, "mixed": make_mixed, "sparse": make_sparse}
UNPACK = {"gunzip": "gunzip -c {out}", "zstd": "zstd -dcq {out}", "raw": "cat {out}"}


def run(command):
    """Wall seconds, processor seconds and peak KiB of a shell command; exits if it fails."""
    before = time.monotonic()
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", command], os.environ)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        sys.exit(f"rivals: failed: {command}")
    return time.monotonic() - before, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def check(command, kind, names):
    run(command)
    if kind is not None:
        run(UNPACK[kind].format(**names) + " | cmp - {in}".format(**names))
    size = os.path.getsize(names["out"]) if os.path.exists(names["out"]) else 0
    return size


def run_job(name, options):
    corpus, prepare, contestants = JOBS[name]
    source = os.path.join(options.folder, corpus)
    if not os.path.exists(source):
        CORPORA[corpus](source, options.mib << 20)
    names = {"imgz": options.imgz, "in": source, "out": os.path.join(options.folder, "out")}
    for command in prepare:
        run(command.format(**names))
    commands = {}
    sizes = {}
    for contestant, (command, kind) in contestants.items():
        if shutil.which(command.format(**names).split()[0]) is None:
            print(f"{name}: {contestant} is not installed, left out")
            continue
        commands[contestant] = command.format(**names)
        sizes[contestant] = check(commands[contestant], kind, names)
        remove(names["out"])
    samples = {contestant: [] for contestant in commands}
    for _ in range(options.rounds):
        for contestant, command in commands.items():
            samples[contestant].append(run(command))
            remove(names["out"])
    return report(name, samples, sizes, os.path.getsize(source))


def remove(path):
    if os.path.exists(path):
        os.unlink(path)


def report(name, samples, sizes, size):
    ours = [wall for wall, _, _ in next(iter(samples.values()))]
    rows = []
    for contestant, runs in samples.items():
        walls = [wall for wall, _, _ in runs]
        ratios = [theirs / own for theirs, own in zip(walls, ours)]
        rows.append({
            "job": name,
            "tool": contestant,
            "median_s": round(statistics.median(walls), 3),
            "min_s": round(min(walls), 3),
            "max_s": round(max(walls), 3),
            "MB/s": round(size / statistics.median(walls) / 1e6),
            "cpu_s": round(statistics.median(cpu for _, cpu, _ in runs), 2),
            "rss_MiB": round(max(rss for _, _, rss in runs) / 1024),
            "out/in": round(sizes[contestant] / size, 4),
            "ratio": round(statistics.median(ratios), 2),
            "ratio_min": round(min(ratios), 2),
            "ratio_max": round(max(ratios), 2),
        })
    return rows


def show(rows):
    columns = list(rows[0])
    widths = [max(len(c), *(len(str(row[c])) for row in rows)) for c in columns]
    print("  ".join(c.ljust(w) if i < 2 else c.rjust(w)
                    for i, (c, w) in enumerate(zip(columns, widths))))
    for row in rows:
        print("  ".join(str(row[c]).ljust(w) if i < 2 else str(row[c]).rjust(w)
                        for i, (c, w) in enumerate(zip(columns, widths))))
    print(flush=True)


def main():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--imgz", default=os.path.join(here, "build", "imgz"))
    parser.add_argument("--folder", default=os.path.join(here, "build", "rivals"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mib", type=int, default=1024, help="size of the corpus")
    parser.add_argument("--csv")
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=" ".join(JOBS))
    options = parser.parse_args()
    unknown = set(options.jobs) - set(JOBS)
    if unknown:
        parser.error(f"no such job: {' '.join(sorted(unknown))}; there are {' '.join(JOBS)}")
    if shutil.which(options.imgz) is None:
        parser.error(f"{options.imgz} is not there; build it, or name it by --imgz")
    os.makedirs(options.folder, exist_ok=True)
    rows = []
    for name in options.jobs or JOBS:
        rows += run_job(name, options)
        show([row for row in rows if row["job"] == name])
    if options.csv:
        with open(options.csv, "w", newline="", encoding="ascii") as out:
            writer = csv.DictWriter(out, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
