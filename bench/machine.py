"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import processes

ROOT = Path(__file__).resolve().parent.parent


def said(*command: str) -> str:
    """What a command prints, or nothing when it cannot be run or fails."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def package_version(package: str) -> str:
    return said("dpkg-query", "-W", "-f=${Version}", package)


def cgisrv_version() -> str:
    commit = said("git", "describe", "--always", "--dirty", "--exclude=*")
    return f"commit {commit}" if commit else "this tree"


def describe(packages: Iterable[str]) -> dict[str, str]:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    virtual = "hypervisor" in Path("/proc/cpuinfo").read_text()
    release = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    versions = {package: package_version(package) for package in sorted(set(packages))}
    return {
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "processor": f"{model[1] if model else platform.machine()}, "
                     f"{processes.cores()} cores{', virtual' if virtual else ''}",
        "memory": f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "unknown",
        "system": f"{release[1] if release else 'Linux'}, kernel {platform.release()}",
        "load at the start": f"{os.getloadavg()[0]:.1f}",
        "cgisrv": cgisrv_version(),
        "others": ", ".join(f"{name} {version}" for name, version in versions.items() if version),
    }
