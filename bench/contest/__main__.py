# SPDX-License-Identifier: MIT
"""Times imgz beside the tools people use today and beside the bare libraries, and draws the result.

Called by bench/rivals. Exit 0: all that was asked for was
measured, whether or not targets were reached; 1: imgz failed, or nothing could be measured."""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import time

from contest import corpora, jobs, machine, measure, plot, report

# Free space for each MiB of --mib: the disks of growth-size and what they are packed to (10), the
# sparse drive, its packed forms and its copy (9), the plain corpora and theirs (6).
FREE_FACTOR = 25


def parse(arguments, names):
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser = argparse.ArgumentParser(
        prog="bench/rivals", description="Times imgz beside its rivals and draws the result.",
        epilog="Jobs: " + " ".join(names))
    add = parser.add_argument
    add("--only", nargs="+", metavar="JOB", help="these jobs, not all")
    add("--quick", action="store_true", help="tiny corpora and one round: does it work at all")
    add("--rounds", type=int, default=5, help="how often each contestant runs (5)")
    add("--mib", type=int, default=1024, help="size of the plain corpora in MiB (1024)")
    add("--patience", type=float, default=60, metavar="SECONDS",
        help="what a rival may take in all rounds of a job together, or a quarter of that if no "
             "target is about it; one that takes longer runs fewer rounds (60)")
    add("--threads", type=int, nargs="+", metavar="N",
        help="thread counts of growth-threads (1, 2, 4 ... up to the processors)")
    add("--folder", default=os.path.join(here, "build", "rivals"),
        help="where corpora and outputs lie (build/rivals); a folder of its own")
    add("--out", metavar="DIR", help="where results go (FOLDER/results)")
    add("--keep", action="store_true", help="keep the corpora for the next call")
    add("--resume", action="store_true", help="keep what --out has already; run only the rest")
    add("--draw", action="store_true", help="run nothing; tables and plots of what --out has")
    add("--publish", action="store_true",
        help="results go to bench/results, and the README shows them")
    add("--imgz", help="an imgz that is built already")
    add("--bare", help="an imgz_bare that is built already")
    add("--no-install", action="store_true", help="take part only who is installed")
    options = parser.parse_args(arguments)
    if options.quick:
        options.mib, options.rounds, options.patience = 8, 1, 0.2
    unknown = set(options.only or ()) - set(names)
    if unknown:
        parser.error(f"no such job: {' '.join(sorted(unknown))}")
    if options.mib < 8 or options.rounds < 1:
        parser.error("--mib is at least 8, --rounds at least 1")
    options.root = here
    options.folder = os.path.abspath(options.folder)
    if options.publish:
        options.out = os.path.join(here, "bench", "results")
    options.out = os.path.abspath(options.out or os.path.join(options.folder, "results"))
    return options


def default_threads():
    processors = machine.thread_count()
    return [count for count in (1, 2, 4, 8, 16, 32, 64) if count <= processors]


def install(options):
    """Missing packages do not stop anything: who is not there is left out."""
    if not options.no_install and subprocess.run(
            [os.path.join(options.root, "tools", "install.sh"), "build", "rivals"],
            stdout=subprocess.DEVNULL, check=False).returncode != 0:
        measure.say("rivals: packages are missing; going on without them")
    for program in ("time", "gnuplot", "mke2fs", "igzip"):
        if shutil.which(program) is None:
            sys.exit(f"rivals: {program} is not installed")


def build(options):
    """Release builds of what was not named on the command line."""
    folder = os.path.join(options.folder, "build")
    made = {"imgz": os.path.join(folder, "imgz"),
            "imgz_bare": os.path.join(folder, "imgz_bare")}
    wanted = [target for target, given in (("imgz", options.imgz), ("imgz_bare", options.bare))
              if not given]
    if wanted:
        measure.say("building " + " and ".join(wanted))
        for command in (["cmake", "-S", options.root, "-B", folder, "-DCMAKE_BUILD_TYPE=Release",
                         "-DIMGZ_TESTS=OFF"],
                        ["cmake", "--build", folder, "--parallel", str(machine.thread_count()),
                         "--target", *wanted]):
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    options.imgz = os.path.abspath(options.imgz or made["imgz"])
    options.bare = os.path.abspath(options.bare or made["imgz_bare"])
    for path in (options.imgz, options.bare):
        if not os.access(path, os.X_OK):
            sys.exit(f"rivals: {path} is no program")


def check_space(options):
    needed = options.mib * FREE_FACTOR * corpora.MIB
    os.makedirs(options.folder, exist_ok=True)
    free = shutil.disk_usage(options.folder).free
    if free < needed:
        sys.exit(f"rivals: {options.folder} has {free >> 20} MiB free, {needed >> 20} are needed; "
                 "--folder names another, --mib makes it smaller")


def start_results(options):
    settings = {key: getattr(options, key) for key in ("mib", "rounds", "patience")}
    old = report.load(options.out) if options.resume else None
    if old is not None:
        if old["settings"] != settings:
            sys.exit(f"rivals: {options.out} was measured with other settings: {old['settings']}")
        return old
    return {"machine": machine.facts(options.folder, options.imgz), "settings": settings,
            "jobs": {}}


def run_jobs(options, all_jobs, results):
    """Runs what is asked for and not there yet. Returns whether imgz did all of it."""
    runner = measure.Runner(options, machine.thread_count())
    good = True
    try:
        runner.start()
        for name, job in all_jobs.items():
            if name not in results["jobs"] and (not options.only or name in options.only):
                good = run_job(options, all_jobs, results, runner, job) and good
    except measure.Failed as failure:
        sys.exit(f"rivals: {options.imgz} does not work: {failure}")
    finally:
        runner.forget_outputs()
        if not options.keep:
            runner.corpora.forget()
    return good and bool(results["jobs"])


def run_job(options, all_jobs, results, runner, job):
    """Runs a job and adds it to the results. Returns whether imgz did it."""
    measure.say(f"{job.name}: {job.title}")
    started = time.monotonic()
    try:
        done = runner.run_job(job)
    except measure.Failed as failure:
        measure.say(f"{job.name} left out: {failure}")
        return True
    done["elapsed_s"] = round(time.monotonic() - started)
    results["jobs"][job.name] = done
    results["jobs"] = {name: results["jobs"][name] for name in all_jobs if name in results["jobs"]}
    report.write(results, all_jobs, options.out)
    print(report.plain(list(report.contestant_rows(done))))
    print(f"({done['elapsed_s']} s)\n", flush=True)
    return not any(contestant.ours and not contestant.needs and contestant.name in done["left_out"]
                   for contestant in job.contestants)


def draw(options, all_jobs, results):
    report.write(results, all_jobs, options.out)
    drawn = plot.draw(results, all_jobs, options.out)
    print(report.plain(report.target_rows(results, all_jobs)))
    if options.publish:
        report.publish(results, all_jobs, os.path.join(options.root, "README.md"),
                       os.path.relpath(options.out, options.root), drawn)
    print(f"\nResults: {options.out}")


def main(arguments):
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    os.environ["LC_ALL"] = "C.UTF-8"
    options = parse(arguments, list(jobs.all_jobs(1024, (1,))))
    threads = options.threads or default_threads()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    if options.draw:
        results = report.load(options.out)
        if results is None:
            sys.exit(f"rivals: {options.out} has no results to draw")
        draw(options, jobs.all_jobs(results["settings"]["mib"], threads), results)
        return 0
    install(options)
    check_space(options)
    build(options)
    all_jobs = jobs.all_jobs(options.mib, threads)
    results = start_results(options)
    good = run_jobs(options, all_jobs, results)
    if results["jobs"]:
        draw(options, all_jobs, results)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
