"""Runs the host tests in a guest: Debian 12, systemd, cgroup v2 alone, the distribution's kernel, no network.

QEMU emulates the guest in software, so no hardware virtualisation is needed; everything in it takes 10 to 20 times as
long as on the host. The guest's disk is made once for each state of the requirements and kept in `.hosts/`; a run gets
the tracked files of this checkout on a second disk, writes to a throw-away copy of the first, and hands its reports
back on a third. Making the disk needs root and the package mirror of this host's apt.

    scripts/test_hosts.py             every part of tests/hosts/plan.py
    scripts/test_hosts.py --core      the parts that continuous integration runs
    scripts/test_hosts.py NAME ...    these parts
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the plan is shared with the guest

from tests.hosts.plan import PARTS, chosen  # noqa: E402

HOSTS = ROOT / ".hosts"
GUEST = ROOT / "tests" / "hosts" / "guest"
TREE = "opt/ingle"
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "libpam-systemd", "linux-image-amd64", "python3", "python3-venv", "make", "kmod",
    "iproute2", "procps", "util-linux", "ca-certificates", "curl", "gawk", "git", "erofs-utils", "nodejs", "sudo",
)  # fmt: skip
TOOLS = {
    "debootstrap": "debootstrap",
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mke2fs": "e2fsprogs",
}
DISK_BYTES = 6 << 30
RESULTS_BYTES = 64 << 20
MEMORY_MIB = 4096
OWN_DISK, JOB, RESULTS = "own.qcow2", "job.img", "results.img"
LIVES = 2
DONE = "GUEST DONE"
CLEARED = "\x1b[2J"
"""What the guest's firmware writes before the first line of a life."""
LIMIT_S = {True: 20 * 60, False: 3 * 3600}
"""How long a run may take: the core alone, and everything."""


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def install_tools() -> None:
    """Install what the host lacks of the tools, where that is possible."""
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        subprocess.run(["apt-get", "update", "-q"], check=False, stdout=subprocess.DEVNULL)
        command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def tracked_files() -> list[str]:
    """Return the names of the checkout's files, those not committed yet included."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).exists()]


def mirror() -> str:
    """Return the package mirror that this host's apt uses for Debian 12, else what debootstrap takes by itself."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Codename: bookworm"]
    found = subprocess.run(command, check=False, capture_output=True, text=True).stdout.split()
    return found[0] if found else ""


def disk_key() -> str:
    """Return what the guest's disk depends on, as a name."""
    locks = [path for path in (ROOT / "src/ingle/app/languages/locks").rglob("*") if path.is_file()]
    inputs = [*(ROOT / "requirements").iterdir(), *locks, ROOT / "src/ingle/app/languages/fetching.py"]
    inputs += [GUEST / "prepare.sh", GUEST / "host-tests.service"]
    content = b"".join(path.read_bytes() for path in sorted(inputs))
    return hashlib.sha256(content + repr(PACKAGES).encode()).hexdigest()[:12]


@contextlib.contextmanager
def entered(root: Path) -> Iterator[list[str]]:
    """Yield the beginning of a command that runs in the guest's tree, with this host's network and certificates."""
    resolver, certificates = Path("/etc/resolv.conf"), Path("/etc/ssl/certs/ca-certificates.crt")
    held = certificates_of(root).read_bytes()
    shutil.copy(resolver, root / "etc/resolv.conf")
    shutil.copy(certificates, certificates_of(root))
    mounts = f"mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev && exec chroot {root} "
    variables = "env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin PIP_NO_CACHE_DIR=1 "
    try:
        yield ["unshare", "--mount", "sh", "-c", mounts + variables + 'sh -c "$0"']
    finally:
        (root / "etc/resolv.conf").unlink()
        certificates_of(root).write_bytes(held)


def certificates_of(root: Path) -> Path:
    """Return where a Debian tree has the certificates that it trusts."""
    return root / "etc/ssl/certs/ca-certificates.crt"


def build_disk(folder: Path) -> None:
    """Make the guest's disk, kernel and initial RAM disk in a new folder."""
    if os.geteuid() != 0:
        raise SystemExit("the guest's disk is made by root: sudo make test-hosts")
    install_tools()
    with tempfile.TemporaryDirectory(dir=HOSTS, prefix="tree-") as place:
        root = Path(place)
        root.chmod(0o755)
        say("hosts: installing Debian 12 for the guest")
        include = "--include=" + ",".join(PACKAGES)
        arguments = ["debootstrap", "--variant=minbase", include, "bookworm", str(root), *filter(None, [mirror()])]
        quietly(arguments)
        say("hosts: installing Ingle's requirements in it")
        (root / TREE).mkdir(parents=True)
        for name in tracked_files():
            (root / TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / TREE / name)
        with entered(root) as enter:
            quietly([*enter, f"cd /{TREE} && umask 022 && make setup-dev"])
            shutil.copytree(GUEST, root / "opt/guest")
            quietly([*enter, "sh /opt/guest/prepare.sh"])
        folder.mkdir()
        for name in ("vmlinuz", "initrd.img"):
            shutil.copy(next((root / "boot").glob(f"{name}-*")), folder / name)
        disk = folder / "disk.img"
        with disk.open("wb") as file:
            file.truncate(DISK_BYTES)
        quietly(["mke2fs", "-q", "-t", "ext4", "-d", str(root), "-F", str(disk)])


def quietly(command: list[str]) -> None:
    """Run a command; show what it printed only where it fails."""
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if ended.returncode != 0:
        raise SystemExit(f"{' '.join(command)[:200]}\n{ended.stdout[-4000:]}")


def guest_disk() -> Path:
    """Return the folder with the guest's disk, made where there is none for today's requirements."""
    HOSTS.mkdir(exist_ok=True)
    folder = HOSTS / disk_key()
    if not (folder / "disk.img").exists():
        for old in HOSTS.iterdir():
            shutil.rmtree(old)
        build_disk(folder)
    return folder


def write_job(disk: Path, names: list[str], *, core: bool) -> None:
    """Write the disk that brings the checkout and the plan into the guest."""
    with tarfile.open(disk, "w") as archive:
        for name in tracked_files():
            archive.add(ROOT / name, name)
        with tempfile.NamedTemporaryFile("w") as plan:
            plan.write(json.dumps({"parts": names, "core": core}))
            plan.flush()
            archive.add(plan.name, "host-tests.json")
    with disk.open("ab") as file:
        file.truncate((disk.stat().st_size + 511) // 512 * 512)


def command_line(disk: Path, folder: Path) -> list[str]:
    """Return QEMU's command line. Two processors, software emulation, three disks, a console and nothing else.

    QEMU ends where the guest reboots. Under software emulation some of its versions never come back from a reset.
    """
    append = "root=/dev/vda rw console=ttyS0 quiet random.trust_cpu=on systemd.show_status=0"
    command = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"]
    command += ["-m", str(MEMORY_MIB), "-nodefaults", "-no-user-config", "-nographic", "-serial", "stdio", "-no-reboot"]
    command += ["-kernel", str(disk / "vmlinuz"), "-initrd", str(disk / "initrd.img"), "-append", append]
    for name, more in ((OWN_DISK, "format=qcow2"), (JOB, "format=raw,readonly=on"), (RESULTS, "format=raw")):
        command += ["-drive", f"file={folder / name},if=virtio,{more}"]
    return command


def run_guest(disk: Path, folder: Path, limit_s: float) -> bool:
    """Run the guest through its lives until it says that it is done. Return whether it came to that in time."""
    own = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(disk / "disk.img"), str(folder / OWN_DISK)]
    subprocess.run(own, check=True)
    end = time.monotonic() + limit_s
    with (folder / "console").open("ab", buffering=0) as console:
        for _ in range(LIVES):
            if run_life(command_line(disk, folder), console, end):
                return True
    say("hosts: the guest never came to its end; its console's end:")
    say((folder / "console").read_text(errors="replace")[-3000:])
    return False


def run_life(command: list[str], console: BinaryIO, end: float) -> bool:
    """Run the guest until it ends or `end` comes; pass on what its tests say. Return whether all of them have run."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    held, is_done = b"", False
    while time.monotonic() < end:
        has_ended = process.poll() is not None
        piece = process.stdout.read() or b""
        console.write(piece)
        *lines, held = (held + piece).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").rpartition(CLEARED)[2].strip("\r")
            is_done = is_done or text == DONE
            if text.startswith(("PART ", "GUEST ", "  | ")):
                say(text)
        if has_ended:
            return is_done
        time.sleep(0.2)
    process.kill()
    process.wait()
    return False


def collect(folder: Path, names: list[str]) -> tuple[int, int, int]:
    """Unpack the reports and return how many tests passed, failed and were skipped; a part without a report failed."""
    reports = folder / "reports"
    reports.mkdir()
    subprocess.run(["tar", "-x", "-C", str(reports), "-f", str(folder / RESULTS)], check=False)
    passed = failed = skipped = 0
    for name in names:
        report = reports / name / "report.xml"
        if not report.exists():
            say(f"FAILED {name}: it left no report")
            failed += 1
            continue
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):  # noqa: S314 - our own guest's
            bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            failed, skipped = failed + bad, skipped + int(suite.get("skipped", 0))
            passed += int(suite.get("tests", 0)) - bad - int(suite.get("skipped", 0))
    return passed, failed, skipped


def main() -> int:
    """Run the parts asked for and return the exit status."""
    parser = argparse.ArgumentParser(description="Run the host tests in a Debian 12 guest.")
    parser.add_argument("--core", action="store_true", help="only the parts that continuous integration runs")
    parser.add_argument("--keep", type=Path, help="keep console and reports in this folder")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(part.name for part in PARTS)}")
    options = parser.parse_args()
    names = [part.name for part in chosen(options.parts, core=options.core)]
    started = time.monotonic()
    disk = guest_disk()
    with tempfile.TemporaryDirectory(dir=HOSTS, prefix="run-") as place:
        folder = Path(place)
        write_job(folder / JOB, names, core=options.core)
        with (folder / RESULTS).open("wb") as file:
            file.truncate(RESULTS_BYTES)
        ended = run_guest(disk, folder, LIMIT_S[options.core])
        passed, failed, skipped = collect(folder, names)
        if options.keep:
            for large in (OWN_DISK, JOB, RESULTS):
                (folder / large).unlink()
            shutil.copytree(folder, options.keep, dirs_exist_ok=True)
    say(f"hosts: {time.monotonic() - started:.0f} s")
    say(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if ended and failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
