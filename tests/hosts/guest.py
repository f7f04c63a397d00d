"""Runs the chosen parts in the guest, as its unit's process: prints a line for each, writes reports to the results disk.

The unit starts it in each life of the guest. In the first it runs what comes before the reboot, then reboots; in the
second it runs the rest, writes everything to the results disk and switches the guest off.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.hosts.plan import ROOT, Part, chosen

TREE = Path(__file__).resolve().parents[2]
STATE = Path("/var/lib/host-tests")
RESULTS_DISK = "/dev/vdc"
TIME_SCALE = 20
"""How much slower than a host of today a guest under software emulation may be; every limit of a test grows by it."""
TEST_LIMIT_S = 120 * TIME_SCALE


def say(text: str) -> None:
    """Write a line to the console, where the host reads it."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def command_of(part: Part, report: Path) -> list[str]:
    """Return the command that runs one part as its user."""
    pytest = [str(TREE / ".venv/bin/pytest"), "-q", "-p", "no:cacheprovider", f"--timeout={TEST_LIMIT_S}"]
    pytest += [f"--junitxml={report}", "-o", "junit_family=xunit1", "--tb=short"]
    pytest += ["-n", str(part.workers), "--dist", "loadfile"] if part.workers else []
    pytest += ["-k", part.select] if part.select else []
    command = ["env", f"INGLE_TIME_SCALE={TIME_SCALE}", "INGLE_GUEST=1", *pytest, *part.tests]
    if part.user == ROOT:
        return ["env", "HOME=/root", *command]
    return ["runuser", "-l", part.user, "-c", f"cd {TREE} && {' '.join(repr(word) for word in command)}"]


def run(part: Part) -> None:
    """Run one part, keep its output and report, and say in one line how it ended."""
    folder = STATE / part.name
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)  # the ordinary user's pytest writes its report there
    started = time.monotonic()
    with (folder / "output").open("wb") as output:
        ended = subprocess.run(command_of(part, folder / "report.xml"), cwd=TREE, stdout=output, stderr=output)
    text = (folder / "output").read_text(errors="replace")
    closing = re.findall(r"^=*\s*(\d+ \w+.*? in [\d.]+s).*$", text, re.M)
    seconds = round(time.monotonic() - started)
    say(f"PART {part.name}: {closing[-1] if closing else 'no test ran'}; exit {ended.returncode}; {seconds} s")
    (folder / "outcome.json").write_text(json.dumps({"exit": ended.returncode, "seconds": seconds}))
    if ended.returncode != 0:
        say("\n".join(f"  | {line}" for line in text.splitlines()[-60:]))


def facts() -> dict[str, str]:
    """Return what the matrix tells of a host."""
    cgroup = subprocess.run(["stat", "-fc", "%T", "/sys/fs/cgroup"], capture_output=True, text=True).stdout.strip()
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return {
        "system": release["PRETTY_NAME"].strip('"'),
        "kernel": os.uname().release,
        "cgroup": {"cgroup2fs": "v2", "tmpfs": "v1"}.get(cgroup, cgroup),
        "init": Path("/proc/1/comm").read_text().strip(),
        "modules at start": ", ".join(
            name for name in ("erofs", "loop", "fuse") if Path(f"/sys/module/{name}").exists()
        ),
    }


def main() -> None:
    """Run this life's parts."""
    plan = json.loads((TREE / "host-tests.json").read_text())
    parts = chosen(plan["parts"], core=plan["core"])
    life = 2 if STATE.exists() else 1
    STATE.mkdir(exist_ok=True)
    if life == 1:
        (STATE / "facts.json").write_text(json.dumps(facts()))
        say(f"GUEST {json.dumps(facts())}")
    for part in parts:
        if part.boot == life:
            run(part)
    if life == 1 and any(part.boot == 2 for part in parts):
        subprocess.run(["systemctl", "reboot"], check=True)
        return
    subprocess.run(["tar", "-c", "-C", str(STATE), "-f", RESULTS_DISK, "."], check=True)
    say("GUEST DONE")
    subprocess.run(["systemctl", "poweroff"], check=True)


if __name__ == "__main__":
    main()
