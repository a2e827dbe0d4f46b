# SPDX-License-Identifier: MIT
"""What machine this is, and which versions of the contestants are on it."""
import os
import platform
import shutil
import subprocess
import time

# How a tool is asked for its version, where Debian's package does not say it.
PACKAGES = ("pigz", "zstd", "isal", "libisal2", "tabix", "libdeflate0", "gzip", "coreutils",
            "qemu-utils", "partclone", "libnbd-bin", "ewf-tools", "e2fsprogs", "gnuplot-nox")


def thread_count():
    """The processors this process may use."""
    return len(os.sched_getaffinity(0))


def _first_value(path, key):
    try:
        with open(path, encoding="ascii", errors="replace") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() == key:
                    return value.strip()
    except OSError:
        pass
    return None


def _output_of(*command):
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          stdin=subprocess.DEVNULL, check=False)
    return done.stdout.decode("utf-8", "replace").strip()


def _os_name():
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"


def _versions():
    lines = _output_of("dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\n",
                       *PACKAGES).splitlines()
    words = (line.split() for line in lines)
    return {word[1]: word[2] for word in words if len(word) == 3 and word[0] == "installed"}


def facts(folder, imgz):
    """A dict for the report; 'folder' is where the corpora lie."""
    memory_kib = int((_first_value("/proc/meminfo", "MemTotal") or "0 kB").split()[0])
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cpu": _first_value("/proc/cpuinfo", "model name") or platform.machine(),
        "virtual": "hypervisor" in (_first_value("/proc/cpuinfo", "flags") or "").split(),
        "cpu_count": thread_count(),
        "memory_gib": round(memory_kib / (1 << 20), 1),
        "os": _os_name(),
        "kernel": platform.release(),
        "filesystem": _output_of("findmnt", "-n", "-o", "FSTYPE", "-T", folder) or "unknown",
        "imgz": _output_of(imgz, "--version"),
        "versions": _versions(),
    }


def _count(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


def processors(machine):
    """What plots say in their title."""
    return (f"{_count(machine['cpu_count'], 'processor')} of {machine['cpu']}"
            f"{' (virtual)' if machine['virtual'] else ''}")


def threads(machine):
    """As many as each contestant has, where nothing else is said."""
    return _count(machine["cpu_count"], "thread")


def caption(machine):
    return f"{threads(machine)} on {processors(machine)}"


def describe(machine):
    """One line for people."""
    return (f"{processors(machine)}, {machine['memory_gib']} GiB, "
            f"{machine['filesystem']}, {machine['os']}, Linux {machine['kernel']}, "
            f"{machine['date']}")
