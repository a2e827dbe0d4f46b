#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Captures, breaks, resumes, restores and verifies, again and again, and compares every byte.

    soak.py [--cycles N] [--seed S] [--folder DIR] [--keep]

A cycle makes a random disk, captures and restores it with random options while things go wrong (it
is killed, interrupted, runs into a limit on file sizes, meets sectors that cannot be read or a
drive that loses what it is given), goes on with --resume, and holds all that comes out against
gunzip, cmp and hashlib. Cycle I of seed S is cycle 0 of seed S + I: what failed is run again by
itself. Needs IMGZ, the program's path; as root, and with FAULTDISK (faultdisk.c, compiled), drives
fail too. Exit 0: not one wrong byte.
"""
import argparse
import collections
import ctypes
import filecmp
import hashlib
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LAYOUT = os.path.join(HERE, "..", "system", "layout.py")
IMGZ = os.path.realpath(os.environ.get("IMGZ", "build/imgz"))
FAULTDISK = os.environ.get("FAULTDISK")
DISK_MAX = 20 << 20
HANG_S = 300


class Wrong(Exception):
    """Something came out that must not."""


# ---- Running imgz ------------------------------------------------------------------------------

def refuse_io_uring():
    """In the child: a seccomp filter, so that io_uring_setup() says EPERM."""
    code = [(0x20, 0, 0, 0), (0x15, 0, 1, 425), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in code))
    prog = struct.pack("@HP", len(code), ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, prog, 0, 0) != 0:
        os._exit(99)


class Cycle:
    def __init__(self, seed, folder, counts):
        self.rng = random.Random(seed)
        self.folder = folder
        self.counts = counts
        self.stderr = ""
        self.limit = None  # bytes a file may have
        self.plain = self.rng.random() < 0.4
        self.loops = []
        self.servers = []
        self.story = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def in_child(self):
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background job would ignore it
        if self.limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, self.limit))
        if self.plain:
            refuse_io_uring()

    def start(self, *words):
        self.story.append(" ".join(words) + (f" (files up to {self.limit})" if self.limit else ""))
        return subprocess.Popen([IMGZ, *words], cwd=self.folder, preexec_fn=self.in_child,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                errors="replace")

    def end(self, child):
        """Its exit code, or minus the signal that ended it."""
        try:
            out, self.stderr = child.communicate(timeout=HANG_S)
        except subprocess.TimeoutExpired:
            child.kill()
            raise Wrong("it hangs") from None
        if child.returncode in (-signal.SIGSEGV, -signal.SIGABRT, 99):
            raise Wrong(f"it crashed: {self.stderr}")
        return child.returncode, out

    def run(self, wanted, *words):
        code, out = self.end(self.start(*words))
        if code not in (wanted if isinstance(wanted, tuple) else (wanted,)):
            raise Wrong(f"exit code {code} instead of {wanted}: {self.stderr}")
        return out

    def need(self, true, text):
        if not true:
            raise Wrong(text)

    # ---- Disks ---------------------------------------------------------------------------------

    def make_disk(self):
        subprocess.run([sys.executable, "-B", LAYOUT, "make", str(self.rng.getrandbits(40)),
                        self.path("disk"), self.path("right")], check=True)
        size = min(os.path.getsize(self.path("right")), self.rng.choice((DISK_MAX, 3 << 20)))
        for name in ("disk", "right"):
            os.truncate(self.path(name), size)
        with open(self.path("right"), "rb") as file:
            self.data = file.read()

    def choose_options(self):
        choose = self.rng.choice
        self.chunk = choose(("64K", "128K", "1M"))
        self.capture_options = ["--level", choose(("fast", "fast", "0", "1", "3", "6", "9")),
                                "--chunk-size", self.chunk, "--reproducible", "--progress=none"]
        if self.rng.random() < 0.4:
            self.capture_options += ["--digest", choose(("sha256", "md5,sha1"))]

    def threads(self):
        """May differ from run to run: the bytes do not depend on them."""
        return ["--threads", str(self.rng.randrange(1, 5)),
                *(["--direct=on"] if self.rng.random() < 0.3 else [])]

    def serve(self, name):
        """The file as a drive that fails as it is told to; its device and its control file."""
        mount = self.path(name + ".mnt")
        os.mkdir(mount)
        server = subprocess.Popen([FAULTDISK, self.path(name), mount], stderr=subprocess.DEVNULL)
        self.servers.append((server, mount))
        for _ in range(200):
            if os.path.exists(mount + "/disk"):
                break
            time.sleep(0.02)
        loop = subprocess.run(["losetup", "-f", "--show", "--direct-io=on", mount + "/disk"],
                              check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        self.loops.append(loop)
        return loop, mount + "/ctl"

    def clean_up(self):
        for loop in self.loops:
            subprocess.run(["losetup", "-d", loop], check=False)
        for server, mount in self.servers:
            for _ in range(100):
                if subprocess.run(["umount", mount], stderr=subprocess.DEVNULL,
                                  check=False).returncode == 0:
                    break
                time.sleep(0.05)
            server.wait()
        self.loops, self.servers = [], []

    # ---- What goes wrong -----------------------------------------------------------------------

    def disturbed(self, takes_s, size, *words, done=(0,)):
        """One run that is likely to come to grief: its exit code, or minus a signal."""
        fault = self.rng.choice(("kill", "interrupt", "limit"))
        self.limit = self.rng.randrange(1, size + 1) if fault == "limit" else None
        child = self.start(*words)
        self.limit = None
        if fault != "limit":
            time.sleep(self.rng.random() * takes_s * 0.8)
            child.send_signal(signal.SIGKILL if fault == "kill" else signal.SIGINT)
        code, _ = self.end(child)
        self.story.append(f"    {fault}: exit code {code}")
        self.counts[fault] += code not in done
        if fault == "limit" and code == 1:
            self.need("too large" in self.stderr, f"another reason: {self.stderr}")
        else:
            # Before it has begun, it does not hear what it is told.
            self.need(code in (*done, -signal.SIGKILL, -signal.SIGINT, 128 + signal.SIGINT),
                      f"exit code {code}")
        return code

    def wait_for_lock(self, output):
        """The kernel lets go of a killed process's files a moment after it is gone."""
        if os.path.exists(output + ".partial"):
            subprocess.run(["flock", "-w", "20", output + ".partial", "true"], check=True)

    def insist(self, takes_s, size, output, *words):
        """Runs it against all that goes wrong, then in peace; what is shown is looked at later."""
        for _ in range(self.rng.randrange(5)):
            resume = ["--resume" if self.rng.random() < 0.8 else "--discard-partial"]
            code = self.disturbed(takes_s, size, words[0], *resume, *self.threads_of(words),
                                  *words[1:])
            if os.path.exists(output):
                # It may be killed when it has given the name, and has only to end.
                self.need(code in (0, -signal.SIGKILL), f"exit code {code}, yet {output} is there")
                return
            self.need(code != 0, f"it was done, yet there is no {output}")
            self.wait_for_lock(output)
        resume = ["--resume" if self.rng.random() < 0.8 else "--discard-partial"]
        self.counts["went on"] += resume == ["--resume"] and os.path.exists(output + ".partial")
        self.run(0, words[0], *resume, *self.threads_of(words), *words[1:])
        self.need(not os.path.exists(output + ".partial"), "something temporary is left")

    def threads_of(self, words):
        return self.threads() if words[0] == "capture" else self.threads()[:2]

    # ---- The cycle -----------------------------------------------------------------------------

    def check_image(self, image, data):
        with open(image, "rb") as file:
            gunzip = subprocess.run(["gunzip", "-c"], stdin=file, capture_output=True, check=True)
        self.need(gunzip.stdout == data and not gunzip.stderr, f"gunzip does not agree: {image}")
        self.run(0, "verify", "-q", *self.threads()[:2], image)
        text = self.run(0, "hash", "--progress=none", "--digest", "sha256", image)
        self.need(hashlib.sha256(data).hexdigest() in text, "hash says another digest")

    def capture(self):
        begin = time.monotonic()
        self.run(0, "capture", *self.capture_options, "disk", "whole.gz")
        takes_s = time.monotonic() - begin
        self.check_image(self.path("whole.gz"), self.data)
        size = os.path.getsize(self.path("whole.gz"))
        self.insist(takes_s, size, self.path("image.gz"), "capture", *self.capture_options, "disk",
                    "image.gz")
        self.need(filecmp.cmp(self.path("image.gz"), self.path("whole.gz"), shallow=False),
                  "the image is not the one of an uninterrupted run")

    def restore(self):
        begin = time.monotonic()
        self.run(0, "restore", "--progress=none", "image.gz", "copy")
        takes_s = time.monotonic() - begin
        self.compare("copy")
        back = ["--read-back"] if self.rng.random() < 0.3 else []
        self.insist(takes_s, max(1, len(self.data)), self.path("again"), "restore",
                    "--progress=none", *back, "image.gz", "again")
        self.compare("again")

    def compare(self, name):
        self.need(filecmp.cmp(self.path(name), self.path("right"), shallow=False),
                  f"{name} has wrong bytes")

    def flip_a_bit(self):
        """Whatever bit of an image is wrong, verify says so, and restore leaves nothing."""
        with open(self.path("image.gz"), "rb") as file:
            stored = bytearray(file.read())
        stored[self.rng.randrange(len(stored))] ^= 1 << self.rng.randrange(8)
        with open(self.path("bad.gz"), "wb") as file:
            file.write(stored)
        self.run(3, "verify", "-q", "bad.gz")
        self.counts["flipped"] += 1
        code, _ = self.end(self.start("restore", "-q", "bad.gz", "from-bad"))
        if code == 0:
            self.compare("from-bad")
        else:
            self.need(code == 3 and not os.path.exists(self.path("from-bad")),
                      f"a bad image: exit code {code}, or something is left")

    def bad_sectors(self):
        """Exactly what cannot be read is zeros."""
        size = len(self.data) // 512 * 512
        if size < 4096:
            return
        shutil.copyfile(self.path("right"), self.path("worn"))
        os.truncate(self.path("worn"), size)
        loop, control = self.serve("worn")
        wanted = bytearray(self.data[:size])
        bad = []
        for _ in range(self.rng.randrange(1, 5)):
            sector = self.rng.randrange(size // 512)
            count = min(self.rng.choice((1, 1, 3, 50, 300)), size // 512 - sector)
            bad.append((sector * 512, count * 512))
            wanted[sector * 512:(sector + count) * 512] = bytes(count * 512)
        self.tell(control, *(f"fail r {offset} {count} 5 -1" for offset, count in bad))
        self.run(1, "capture", "-q", *self.threads()[:2], loop, "worn.gz")
        self.need(not os.path.exists(self.path("worn.gz")), "an image in spite of bad sectors")
        self.run(4, "capture", "-q", "--on-error=zero", "--discard-partial",
                 "--chunk-size", self.chunk, *self.threads()[:2], loop, "worn.gz")
        self.check_image(self.path("worn.gz"), bytes(wanted))
        self.counts["bad sectors"] += 1
        self.go_back(loop, control, bytes(wanted), bad)

    def tell(self, control, *rules):
        with open(control, "w") as file:
            file.write("".join(rule + "\n" for rule in rules))

    def go_back(self, loop, control, wanted, bad):
        """To a drive that gives now this, now that of what it did not: nothing it gave is lost,
        and nothing is called read that was not."""
        words = ["--map", "back.map", "--chunk-size", self.chunk, loop, "back.gz"]
        begin = time.monotonic()
        self.run(4, "capture", "-q", "--on-error=zero", *words)
        takes_s = time.monotonic() - begin
        self.check_image(self.path("back.gz"), wanted)
        for _ in range(self.rng.randrange(6)):
            self.tell(control, "clear", f"delay r {self.rng.choice((0, 0, 2, 10))}",
                      *(f"fail r {offset} {count} 5 -1" for offset, count in bad
                        if self.rng.random() < 0.5))
            resume = ["--resume"] if self.rng.random() < 0.8 else []
            if not resume:
                self.give_up_left(words)
            self.disturbed(takes_s, os.path.getsize(self.path("back.gz")), "capture", "-q",
                           *resume, *self.threads(), *words, done=(0, 4))
            self.wait_for_lock(self.path("back.gz"))
            self.check_map()
        self.tell(control, "clear")
        self.go_back_in_peace(words)
        self.check_image(self.path("back.gz"), self.data[:len(wanted)])
        self.need(not [name for name in os.listdir(self.folder)
                       if name.startswith("back.") and "partial" in name], "something is left")

    def go_back_in_peace(self, words):
        """All can be read now. A run that goes on with another keeps what that one found bad, so
        that it may take one more."""
        if os.path.exists(self.path("back.gz.partial")) and self.rng.random() < 0.8:
            self.run((0, 4), "capture", "-q", "--resume", *self.threads(), *words)
            self.check_map()
            self.counts["went back"] += 1
        self.give_up_left(words)
        self.run(0, "capture", "-q", *self.threads(), *words)

    def give_up_left(self, words):
        """What an interrupted run read is not replaced unless that is said."""
        left = self.path("back.gz.partial")
        if os.path.exists(left) and os.path.getsize(left) > 0:
            self.run(1, "capture", "-q", *words)
            self.need("start over with --discard-partial" in self.stderr, f"another: {self.stderr}")
            os.remove(left)

    def check_map(self):
        """What the map calls finished is in the image; what it does not is right, or zeros."""
        with open(self.path("back.gz"), "rb") as file:
            found = subprocess.run(["gunzip", "-c"], stdin=file, capture_output=True,
                                   check=True).stdout
        data = self.data[:os.path.getsize(self.path("worn"))]
        self.need(len(found) == len(data), "the image has another size")
        with open(self.path("back.map")) as file:
            blocks = [line.split() for line in file if line.split() and line[0] != "#"][1:]
        for offset, count, status in ((int(b[0], 0), int(b[1], 0), b[2]) for b in blocks):
            for at in range(offset, offset + count, 512):
                sector = found[at:at + 512]
                self.need(sector == data[at:at + 512] or
                          (status != "+" and not any(sector)),
                          f"the sector at {at} is wrong, and the map calls it {status}")

    def lost_writes(self):
        """A drive that does not keep what it is given is found out, and only that one."""
        size = max(4096, -(-len(self.data) // 4096) * 4096)
        with open(self.path("drive"), "wb") as file:
            file.write(b"\xa5" * size)
        loop, control = self.serve("drive")
        offset = self.rng.randrange(0, max(1, len(self.data)), 4096)
        with open(control, "w") as file:
            file.write(f"lose {offset} 512\n")
        code, _ = self.end(self.start("restore", "-qy", "--read-back", "image.gz", loop))
        kept = self.read_device(loop) == self.data
        self.need((code, kept) in ((0, True), (3, False)), f"exit code {code}, kept: {kept}")
        self.counts["lost writes"] += not kept
        with open(control, "w") as file:
            file.write("clear\n")
        self.run(0, "restore", "-qy", "--only-changed", "image.gz", loop)
        self.need(self.read_device(loop) == self.data, "the device has wrong bytes")

    def read_device(self, loop):
        subprocess.run(["blockdev", "--flushbufs", loop], check=True)
        with open(loop, "rb") as file:
            return file.read(len(self.data))

    def go(self):
        self.make_disk()
        self.choose_options()
        self.capture()
        self.restore()
        self.flip_a_bit()
        if FAULTDISK and os.geteuid() == 0:
            self.bad_sectors()
            self.lost_writes()


def run_cycle(seed, options, counts):
    """True if all bytes were right."""
    folder = tempfile.mkdtemp(prefix="imgz-soak.", dir=options.folder)
    cycle = Cycle(seed, folder, counts)
    try:
        cycle.go()
        return True
    except (Wrong, OSError, subprocess.SubprocessError) as error:
        print(f"seed {seed}: WRONG: {error}", *cycle.story, sep="\n    ", flush=True)
        return False
    finally:
        cycle.clean_up()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cycles", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="where the disks are made")
    parser.add_argument("--keep", action="store_true", help="leave the files of each cycle")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # loops and mounts are taken away
    counts = collections.Counter()
    wrong = 0
    begin = time.monotonic()
    for seed in range(options.seed, options.seed + options.cycles):
        print(f"seed {seed}", flush=True)
        wrong += not run_cycle(seed, options, counts)
    print(", ".join(f"{name}: {count}" for name, count in sorted(counts.items())))
    print(f"took {time.monotonic() - begin:.0f} s")
    print(f"{options.cycles} cycles, " + (f"{wrong} WRONG" if wrong else "0 wrong bytes"))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
