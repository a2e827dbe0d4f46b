# SPDX-License-Identifier: MIT
"""Runs a job: checks what each contestant writes, then times all of them in turn, round by round.

The first run of each is the checked one, round 0, and does not count, except for rivals so slow
that they run fewer rounds than the others (rounds_of). Between runs the output is removed and the
disk calms down; the inputs are in the page cache.
"""
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import string
import struct
import subprocess
import sys
import threading
import time

from contest import corpora, jobs

COMMAND_SECONDS_MAX = 900


class Failed(Exception):
    """A command did not do what it should; the text says why in one line."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, work):
    """Runs a line of bash and returns a sample: wall and processor seconds, peak memory.

    GNU time stands between, as the peak of a process counts from what its parent had when it
    started it, and Python has more than what is measured."""
    rss_path = os.path.join(work, "rss")
    stdout_path = os.path.join(work, "stdout")
    stderr_path = os.path.join(work, "stderr")
    with open(stdout_path, "wb") as stdout, open(stderr_path, "wb") as stderr:
        started = time.monotonic()
        child = subprocess.Popen(["time", "-q", "-f", "%M", "-o", rss_path,
                                  "bash", "-o", "pipefail", "-c", command],
                                 stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                                 process_group=0)
        limit = threading.Timer(COMMAND_SECONDS_MAX, os.killpg, (child.pid, signal.SIGKILL))
        limit.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.monotonic() - started
            child.returncode = os.waitstatus_to_exitcode(status)
        finally:
            limit.cancel()
            if child.returncode is None:
                os.killpg(child.pid, signal.SIGKILL)
    if child.returncode != 0:
        with open(stderr_path, encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file if line.strip()]
        raise Failed(f"exit {child.returncode}: {lines[-1] if lines else command}")
    with open(rss_path, encoding="ascii") as file:
        rss_kib = int(file.read().split()[-1])
    return {"wall_s": round(wall, 4), "cpu_s": round(usage.ru_utime + usage.ru_stime, 4),
            "rss_kib": rss_kib}


def printed_json(work):
    """The JSON object that the last command printed."""
    with open(os.path.join(work, "stdout"), "rb") as file:
        try:
            return json.loads(file.read())
        except ValueError as error:
            raise Failed("it printed no JSON object") from error


def report_of(work):
    """What imgz said of its job, as far as it matters here."""
    return {key: value for key, value in printed_json(work).items()
            if key.endswith(("_ns", "_bytes", "_count", "_hash")) or key == "io"}


def fields_of(command):
    return {field for _, field, _, _ in string.Formatter().parse(command) if field}


def programs_of(command):
    """The programs of a line of bash: the first word of each part of a pipe or list."""
    words = (piece.split() for piece in re.split(r"[|&;]+", command))
    return [word[0] for word in words if word and not word[0].startswith("{")]


class Runner:
    """Runs jobs in a folder: corpora and packed corpora are kept in it from job to job."""

    def __init__(self, options, threads):
        self.options = options
        self.corpora = corpora.Corpora(
            os.path.join(options.folder, f"rivals-corpora-{options.mib}"), options.mib)
        self.work = os.path.join(options.folder, "rivals-work")
        self.out = os.path.join(options.folder, "rivals-out")
        self.forget_outputs()  # of a run that was killed; maybe another imgz packed them
        for folder in (self.corpora.folder, self.work, self.out):
            os.makedirs(folder, exist_ok=True)
        self.base = {"imgz": shlex.quote(options.imgz), "bare": shlex.quote(options.bare),
                     "threads": str(threads),
                     "gunzip": "igzip" if shutil.which("igzip") else "gzip"}
        self.loop = None

    def start(self):
        """To be called once; Failed if imgz does not work at all."""
        self.base["fast"] = self.fast_level()

    def forget_outputs(self):
        for folder in (self.work, self.out):
            shutil.rmtree(folder, ignore_errors=True)

    def fast_level(self):
        """What imgz's default level is made of, from the words its images have for it."""
        image = os.path.join(self.work, "level.gz")
        run(f"{self.base['imgz']} capture -q --force {shlex.quote(sys.executable)} "
            f"{shlex.quote(image)}", self.work)
        run(f"{self.base['imgz']} info --json {shlex.quote(image)}", self.work)
        words = printed_json(self.work)["meta"]["level"].split()
        return words[0].replace("-", "") + "-" + words[-1]

    # ---- Inputs ---------------------------------------------------------------------------------

    def names(self, job, contestant):
        """What stands for the {fields} of a contestant's command."""
        corpus = contestant.corpus or job.corpus
        paths = {"in": self.loop or self.corpora.path(corpus), "out": os.path.join(self.out, "out")}
        for field in fields_of(contestant.command) & set(jobs.PREPARED):
            paths[field] = self.prepared(corpus, field)
        return {**self.base, **{name: shlex.quote(path) for name, path in paths.items()}}

    def prepared(self, corpus, kind):
        path = os.path.join(self.work, f"{corpus}.{kind}")
        if not os.path.exists(path):
            names = {**self.base, "in": shlex.quote(self.corpora.path(corpus)),
                     "out": shlex.quote(path + ".part")}
            run(jobs.PREPARED[kind].format(**names), self.work)
            os.rename(path + ".part", path)
        return path

    def warm(self, job, contestants):
        """What is read lies in the page cache, whatever the contestant before has done to it."""
        paths = set()
        for contestant in contestants:
            corpus = contestant.corpus or job.corpus
            fields = fields_of(contestant.command)
            if "in" in fields:
                paths.add(self.corpora.path(corpus))
            paths |= {self.prepared(corpus, field) for field in fields & set(jobs.PREPARED)}
        for path in paths:
            corpora.warm(path)

    @contextlib.contextmanager
    def loop_device(self, job):
        """A loop device for as long as a job lasts. Direct, so that zeros do not fill the cache."""
        if not job.loop_device:
            yield
            return
        path = self.corpora.path(job.corpus)
        self.loop = attach_loop(path)
        try:
            yield
        finally:
            self.loop = None
            detach_loops(path)

    # ---- One run --------------------------------------------------------------------------------

    def clear(self):
        """Takes away what a run wrote, and lets nothing of it reach the disk during the next."""
        for name in os.listdir(self.out):
            os.unlink(os.path.join(self.out, name))
        os.sync()

    def sample(self, contestant, names, index):
        sample = run(contestant.command.format(**names), self.work)
        sample["round"] = index
        sample["report"] = report_of(self.work) if contestant.ours else None
        return sample

    def check(self, job, contestant, names):
        """Checks what the last run wrote; returns its size."""
        output = os.path.join(self.out, "out")
        size = sum(os.path.getsize(os.path.join(self.out, name)) for name in os.listdir(self.out)
                   if not name.endswith(".log"))
        corpus = contestant.corpus or job.corpus
        if contestant.check in jobs.CHECKS:
            run(jobs.CHECKS[contestant.check].format(**names), self.work)
        elif contestant.check == "content":
            if not corpora.same_content(self.corpora.path(corpus), output):
                raise Failed("what it wrote is not what it read")
        elif contestant.check == "trailer":
            with open(output, "rb") as file:
                file.seek(-8, os.SEEK_END)
                crc32, length = struct.unpack("<II", file.read())
            if (crc32, length) != (self.corpora.crc32(corpus),
                                   self.corpora.raw_bytes(corpus) % (1 << 32)):
                raise Failed("its CRC-32 or length is not that of what it read")
        return size

    def missing(self, contestant):
        """Why a contestant cannot take part, or None."""
        for program in programs_of(contestant.command):
            if shutil.which(program) is None:
                return f"{program} is not installed"
        if contestant.needs:
            command, option = contestant.needs.split()
            run(f"{self.base['imgz']} {command} --help", self.work)
            with open(os.path.join(self.work, "stdout"), encoding="utf-8") as file:
                if option not in file.read():
                    return f"this imgz has no {contestant.needs}"
        return None

    # ---- One job --------------------------------------------------------------------------------

    def enter(self, job, contestant):
        """The checked run: a dict for the report, or the reason why there is none."""
        reason = self.missing(contestant)
        if reason is not None:
            raise Failed(reason)
        names = self.names(job, contestant)
        self.warm(job, [contestant])
        self.clear()
        sample = self.sample(contestant, names, 0)
        size = self.check(job, contestant, names)
        rounds, sample["counts"] = self.rounds_of(job, contestant, sample["wall_s"])
        return {
            "command": self.without_folder(contestant.command.format(
                **{**names, "imgz": "imgz", "bare": "imgz_bare"})),
            "ours": contestant.ours, "series": contestant.series, "x": contestant.x,
            "corpus_bytes": self.corpora.raw_bytes(contestant.corpus or job.corpus),
            "out_bytes": size, "rounds": rounds, "samples": [sample], "names": names,
        }

    def rounds_of(self, job, contestant, wall_s):
        """How many rounds come after the checked one, and whether that one counts too, as it does
        for a rival that runs fewer rounds than it should, and for imgz where no target is set at
        all. Of a job with targets, whom none is about gets less time.
        """
        rounds = min(self.options.rounds, job.rounds_max)
        patience = self.options.patience
        if job.targets and contestant.name not in {getattr(target, "rival", None)
                                                   for target in job.targets}:
            patience /= 4
        affordable = int(patience / wall_s)
        if contestant.ours and job.targets or affordable >= rounds:
            return rounds, False
        return max(1, affordable) - 1, True

    def run_job(self, job):
        """The results of a job as a dict, ready for JSON. Who cannot take part is left out of it,
        with the reason; Failed is raised where the job as a whole cannot be."""
        results = {"name": job.name, "title": job.title, "contestants": {}, "left_out": {},
                   "corpus_bytes": self.corpora.raw_bytes(job.corpus)}
        entered = {}
        with self.loop_device(job):
            for contestant in job.contestants:
                try:
                    results["contestants"][contestant.name] = self.enter(job, contestant)
                    entered[contestant.name] = contestant
                except Failed as failure:
                    self.leave_out(results, contestant, failure)
            self.run_rounds(job, results, entered)
            self.clear()
        for contestant in results["contestants"].values():
            del contestant["names"]
        return results

    def run_rounds(self, job, results, entered):
        order = list(entered.values())
        for index in range(1, min(self.options.rounds, job.rounds_max) + 1):
            self.warm(job, order)
            for contestant in order:
                result = results["contestants"][contestant.name]
                if index > result["rounds"]:
                    continue
                self.clear()
                try:
                    sample = self.sample(contestant, result["names"], index)
                except Failed as failure:
                    self.leave_out(results, contestant, failure)
                    order = [other for other in order if other is not contestant]
                    continue
                sample["counts"] = True
                result["samples"].append(sample)
            order = order[1:] + order[:1]  # nobody always follows the same one

    def leave_out(self, results, contestant, reason):
        results["contestants"].pop(contestant.name, None)
        results["left_out"][contestant.name] = self.without_folder(str(reason))
        say(f"  {contestant.name} left out: {reason}")

    def without_folder(self, text):
        """Results are read elsewhere; where the files lay here is of no use there."""
        return text.replace(self.options.folder + os.sep, "")


def attach_loop(path):
    """Attaches a loop device and returns its path. Others may take the one that was free."""
    if shutil.which("losetup") is None:
        raise Failed("losetup is not installed")
    detach_loops(path)
    for _ in range(10):
        done = subprocess.run(["losetup", "--find", "--show", "--read-only", "--direct-io=on",
                               path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode == 0:
            return done.stdout.decode("ascii").strip()
        time.sleep(0.2)
    raise Failed("no loop device: " + done.stderr.decode("utf-8", "replace").strip())


def detach_loops(path):
    """Detaches the loop devices on a file: ours, or those of a run that was killed."""
    done = subprocess.run(["losetup", "--noheadings", "--output", "NAME", "--associated", path],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    for device in done.stdout.decode("ascii").split():
        subprocess.run(["losetup", "--detach", device], stderr=subprocess.DEVNULL, check=False)
