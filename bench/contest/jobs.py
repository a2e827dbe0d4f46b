# SPDX-License-Identifier: MIT
"""The jobs: who takes part in each, by which command, and what imgz is to reach. One table.

A command is a line of bash. {in} is the corpus, {out} what it may write, {threads} the processors;
{gz} {sha256gz} {zst} {bgz} {pack} are the corpus, packed beforehand (see PREPARED); {fast} is what
imgz's default level is made of, as imgz_bare names it.
"""
import dataclasses

from contest import corpora
from contest.targets import FlatCost, Peak, PeakSlope, Serial, Size, Speed, size_text

# What is packed beforehand, once for each corpus: {name: command}.
PREPARED = {
    "gz": "{imgz} capture -q --force {in} {out}",
    "sha256gz": "{imgz} capture --chunk-hash sha256 -q --force {in} {out}",
    "zst": "zstd -1 -T{threads} -q -f {in} -o {out}",
    "bgz": "bgzip -l1 -@{threads} -c {in} > {out}",
    "pack": "{bare} {fast} {threads} {in} {out}",
}

# How a run's output is checked, by commands that fail if it is not what it should be. "gunzip" is
# for what imgz writes: no part of it had a hand in that. "trailer", "content" and "exit" are done
# by measure.py: the CRC-32 and length that a .gz ends in; the same bytes, holes skipped; no output.
CHECKS = {
    "gunzip": "gzip -dc {out} | cmp - {in}",
    "unpack": "{gunzip} -dc {out} | cmp - {in}",
    "zstd": "zstd -dcq {out} | cmp - {in}",
    "pack": "{bare} inflate {threads} {out} {out}.raw && cmp {out}.raw {in}",
    "qcow2": "qemu-img compare -q -f raw -F qcow2 {in} {out}",
    "ewf": "ewfverify -q {out}.E01 > /dev/null",
    "partclone": "{gunzip} -dc {out} | partclone.restore -q -C -s - -o {out}.raw -L {out}.log"
                 " 2> /dev/null && e2fsck -fn {out}.raw > /dev/null 2>&1",
}
BUILT_IN_CHECKS = ("trailer", "content", "exit")


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A command that does the job. Our own print a JSON report on standard output."""
    name: str
    command: str
    check: str
    ours: bool = False
    corpus: str = ""   # another than the job's
    series: str = ""   # the line of a plot it belongs to
    x: float = 0       # its place on that line: GiB or threads
    needs: str = ""    # an option without which {imgz} cannot do it: "verify --scrub"


@dataclasses.dataclass(frozen=True)
class Job:
    name: str
    title: str
    corpus: str
    contestants: tuple
    targets: tuple = ()
    rounds_max: int = 1000
    loop_device: bool = False  # {in} is a loop device on the corpus


def imgz(command, check, name="imgz", **more):
    return Contestant(name, "{imgz} " + command, check, ours=True, **more)


SPARSE_CP = "cp --sparse=always /proc/self/fd/0 {out}"

CAPTURE = Job(
    "capture", "capture real files, default level", "real",
    (imgz("capture -q --json --force {in} {out}", "gunzip"),
     imgz("capture --chunk-hash sha256 -q --json --force {in} {out}", "gunzip", "imgz sha256"),
     Contestant("zstd -1", "zstd -1 -T{threads} -q -c {in} > {out}", "zstd"),
     Contestant("pigz -1", "pigz -1 -p{threads} -c {in} > {out}", "unpack"),
     Contestant("igzip -1", "igzip -1 -c {in} > {out}", "unpack"),
     Contestant("bgzip -l1", "bgzip -l1 -@{threads} -c {in} > {out}", "unpack"),
     Contestant("bare ISA-L", "{bare} {fast} {threads} {in} {out}", "pack"),
     Contestant("qemu-img -c", "qemu-img convert -c -f raw -O qcow2 {in} {out}", "qcow2"),
     Contestant("ewfacquire", "ewfacquire -u -q -c fast -S 1TiB -t {out} {in} > /dev/null", "ewf")),
    (Speed("zstd -1", 1.3), Speed("pigz -1", 4.2), Speed("igzip -1", 1.5),
     Speed("bare ISA-L", 0.95), Size("pigz -1", 1.02),
     Serial("feed", 8), Serial("drain", 8)))

CAPTURE_6 = Job(
    "capture-6", "capture real files, level 6", "real",
    (imgz("capture -6 -q --json --force {in} {out}", "gunzip", "imgz -6"),
     Contestant("pigz -6", "pigz -6 -p{threads} -c {in} > {out}", "unpack"),
     Contestant("bgzip -l6", "bgzip -l6 -@{threads} -c {in} > {out}", "unpack"),
     Contestant("bare libdeflate 6", "{bare} libdeflate-6 {threads} {in} {out}", "pack")),
    (Speed("pigz -6", 2.2, "imgz -6"), Size("pigz -6", 1, "imgz -6"),
     Speed("bgzip -l6", 1.25, "imgz -6"), Size("bgzip -l6", 1, "imgz -6"),
     Speed("bare libdeflate 6", 0.92, "imgz -6",
           "reopening its last block, and all else, costs 8 % at most")))

# Every level, for the plot of throughput against ratio.
LEVELS = Job(
    "levels", "capture real files, every level", "real",
    (imgz("capture -q --json --force {in} {out}", "gunzip", "imgz fast"),
     *(imgz(f"capture -{level} -q --json --force {{in}} {{out}}", "gunzip", f"imgz -{level}")
       for level in range(13)),
     *(Contestant(f"zstd -{level}", f"zstd -{level} -T{{threads}} -q -c {{in}} > {{out}}", "zstd")
       for level in (1, 2, 3))))

CAPTURE_RANDOM = Job(
    "capture-random", "capture random bytes", "random",
    (imgz("capture -q --json --force {in} {out}", "gunzip"),
     Contestant("cp", "cp {in} {out}", "content"),
     Contestant("cp, flushed", "cp {in} {out} && sync {out}", "content"),
     Contestant("zstd -1", "zstd -1 -T{threads} -q -c {in} > {out}", "zstd"),
     Contestant("igzip -1", "igzip -1 -c {in} > {out}", "unpack"),
     Contestant("pigz -1", "pigz -1 -p{threads} -c {in} > {out}", "unpack")),
    (Speed("cp", 0.9), Speed("cp, flushed", 0.9), Speed("pigz -1", 10),
     Size("the input", 1.0005)))

CAPTURE_MIXED = Job(
    "capture-mixed", "capture thirds of files, random bytes, zeros", "mixed",
    (imgz("capture -q --json --force {in} {out}", "gunzip"),
     Contestant("zstd -1", "zstd -1 -T{threads} -q -c {in} > {out}", "zstd"),
     Contestant("igzip -1", "igzip -1 -c {in} > {out}", "unpack"),
     Contestant("pigz -1", "pigz -1 -p{threads} -c {in} > {out}", "unpack")),
    (Speed("zstd -1", 1.3),))

CAPTURE_SPARSE = Job(
    "capture-sparse", "capture a sparse drive, 15 % files", "sparse",
    (imgz("capture -q --json --force {in} {out}", "unpack"),
     Contestant("zstd -1", "zstd -1 -T{threads} -q -c {in} > {out}", "zstd"),
     Contestant("pigz -1", "pigz -1 -p{threads} -c {in} > {out}", "trailer"),
     Contestant("igzip -1", "igzip -1 -c {in} > {out}", "trailer"),
     Contestant("partclone|igzip", "partclone.ext4 -q -c -s {in} -o - -L {out}.log 2> /dev/null"
                " | igzip -1 -c > {out}", "partclone"),
     Contestant("cp --sparse", "cp --sparse=always {in} {out}", "content"),
     Contestant("nbdcopy (raw)", "nbdcopy {in} {out}", "content")),
    (Speed("zstd -1", 4), Speed("pigz -1", 18)))

CAPTURE_DEVICE = Job(
    "capture-device", "capture a block device of zeros, direct I/O",
    f"zeros-{corpora.SPARSE_FACTOR}",
    (imgz("capture -q --json --force {in} {out}", "trailer"),
     Contestant("dd", "dd if={in} iflag=direct bs=1M of=/dev/null status=none", "exit")),
    (Speed("dd", 0.9), Serial("feed", 20), Serial("drain", 20)), loop_device=True)

RESTORE = Job(
    "restore", "restore real files to a file", "real",
    (imgz("restore -q --json --force {gz} {out}", "content"),
     Contestant("zstd -d", "zstd -d --sparse -q -f {zst} -o {out}", "content"),
     Contestant("bgzip -d|cp", "bgzip -d -@{threads} -c {bgz} | " + SPARSE_CP, "content"),
     Contestant("gunzip|cp", "gunzip -ck {gz} | " + SPARSE_CP, "content"),
     Contestant("pigz -d|cp", "pigz -dc {gz} | " + SPARSE_CP, "content"),
     Contestant("igzip -d|cp", "igzip -dc {gz} | " + SPARSE_CP, "content"),
     Contestant("bare inflate", "{bare} inflate {threads} {pack} {out}", "content"),
     Contestant("rapidgzip|cp", "rapidgzip -dc {gz} | " + SPARSE_CP, "content")),
    (Speed("zstd -d", 1.3), Speed("bgzip -d|cp", 2), Speed("gunzip|cp", 6)))

RESTORE_SPARSE = Job(
    "restore-sparse", "restore the sparse drive", "sparse",
    (imgz("restore -q --json --force {gz} {out}", "content"),
     Contestant("zstd -d", "zstd -d --sparse -q -f {zst} -o {out}", "content"),
     Contestant("gunzip|cp", "gunzip -ck {gz} | " + SPARSE_CP, "content")),
    (Speed("zstd -d", 3.5), Speed("gunzip|cp", 20)))

VERIFY = Job(
    "verify", "verify an image", "real",
    (imgz("verify -q --json {gz}", "exit"),
     imgz("verify -q --json {sha256gz}", "exit", "imgz sha256"),
     Contestant("bare inflate", "{bare} inflate {threads} {pack}", "exit"),
     Contestant("zstd -t", "zstd -t -q {zst}", "exit"),
     Contestant("gunzip -t", "gunzip -t {gz}", "exit"),
     Contestant("pigz -t", "pigz -t {gz}", "exit"),
     Contestant("igzip -t", "igzip -t {gz}", "exit")),
    (Speed("bare inflate", 0.95),))

SCRUB = Job(
    "scrub", "verify --scrub, payload hashes only", "real",
    (imgz("verify --scrub -q --json {gz}", "exit", needs="verify --scrub"),
     Contestant("cat", "cat {gz} > /dev/null", "exit")),
    (Speed("cat", 0.8),))

HASH = Job(
    "hash", "hash a cached file", "real",
    (imgz("hash -q --json {in}", "exit"),
     imgz("hash --chunk-hash sha256 -q --json {in}", "exit", "imgz sha256"),
     Contestant("cat", "cat {in} > /dev/null", "exit"),
     Contestant("sha256sum", "sha256sum {in} > /dev/null", "exit")),
    (Speed("cat", 0.8), Speed("sha256sum", 1.5, "imgz sha256", "imgz with --chunk-hash sha256")))

AGAINST = Job(
    "against", "verify --against a cached file", "real",
    (imgz("verify -q --json {gz} --against {in}", "exit"),
     Contestant("cat", "cat {in} > /dev/null", "exit"),
     Contestant("gunzip|cmp", "gunzip -c {gz} | cmp - {in}", "exit")),
    (Speed("cat", 0.8),))


# ---- Growth and memory --------------------------------------------------------------------------

MEMORY_JOBS = (("capture", "capture -q --json --force --threads {n} {{in}} {{out}}", "unpack"),
               ("restore", "restore -q --json --force --threads {n} {{gz}} {{out}}", "content"),
               ("verify", "verify -q --json --threads {n} {{gz}}", "exit"))


def growth_by_size(gib):
    """'gib' is the size of the smallest disk."""
    return Job(
        "growth-size", "capture disks of 1 to 64 times the size", "disk-1",
        tuple(imgz("capture -q --json --force {in} {out}", "trailer",
                   f"imgz, {size_text(size * gib)}", corpus=f"disk-{size}", series="imgz",
                   x=size * gib)
              for size in corpora.DISK_SIZES),
        (FlatCost("imgz", 1.05),))


def growth_by_threads(threads):
    ours = tuple(imgz(f"capture -q --json --force --threads {n} {{in}} {{out}}", "unpack",
                      f"imgz, {n}", series="imgz", x=n) for n in threads)
    bare = tuple(Contestant(f"bare ISA-L, {n}", f"{{bare}} {{fast}} {n} {{in}} {{out}}", "pack",
                            series="bare ISA-L", x=n) for n in threads)
    return Job("growth-threads", "capture real files with 1, 2, 4 ... threads", "real", ours + bare)


def memory_by_size(gib):
    return Job(
        "memory-size", "peak memory with 2 threads, by size of the disk", "disk-1",
        tuple(imgz(command.format(n=2), check, f"{name}, {size_text(size * gib)}",
                   corpus=f"disk-{size}", series=name, x=size * gib)
              for name, command, check in MEMORY_JOBS for size in corpora.DISK_SIZES[:3]),
        tuple(Peak(name, 96) for name, _, _ in MEMORY_JOBS)
        + tuple(PeakSlope(name, "GiB", 0.5) for name, _, _ in MEMORY_JOBS),
        rounds_max=1)


def memory_by_threads():
    return Job(
        "memory-threads", "peak memory by threads", "real",
        tuple(imgz(command.format(n=n), check, f"{name}, {n}", series=name, x=n)
              for name, command, check in MEMORY_JOBS for n in (1, 2, 4, 8)),
        tuple(PeakSlope(name, "thread", 8) for name, _, _ in MEMORY_JOBS),
        rounds_max=1)


def all_jobs(mib, threads):
    """Every job by name, in the order in which they run."""
    gib = mib / 1024
    jobs = (CAPTURE, CAPTURE_6, LEVELS, CAPTURE_RANDOM, CAPTURE_MIXED, CAPTURE_SPARSE,
            CAPTURE_DEVICE,
            RESTORE, RESTORE_SPARSE, VERIFY, SCRUB, HASH, AGAINST, memory_by_threads(),
            memory_by_size(gib), growth_by_threads(threads), growth_by_size(gib))
    return {job.name: job for job in jobs}
