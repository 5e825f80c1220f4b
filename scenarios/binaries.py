"""Where Prometheus, promtool and Alertmanager come from: found on this machine, or put there.

In this order, for each program that is still missing:

1. PATH (Debian calls Alertmanager `prometheus-alertmanager`), and the usual directories of a package manager;
2. a copy that was downloaded earlier, in `<data dir>/bin`;
3. the system's package manager: apt-get, dnf, pacman or brew. sudo only when we are not root (never for brew), never asking for a
   password, and each command is announced before it runs. Debian's packages start a service on a machine that runs systemd; what
   we installed is stopped and disabled right after, and that is announced too;
4. the project's official release tarball (see releases.py);
5. LabError, with the commands for this platform.

Tried on Debian 12: 1, 2 and apt-get as root; 3 to 5 also against stand-ins in the tests. Untested on the real thing: dnf, pacman,
brew, sudo without a password, stopping the services under systemd, and the download from GitHub itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import LabError
from scenarios.releases import ALERTMANAGER, PROMETHEUS, RELEASES_URL, Release, download, this_platform

Progress = Callable[[str], None]

PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
}
"""Each program that the lab needs, and the names it goes by."""

_NODE_EXPORTER = ("node_exporter", "prometheus-node-exporter")
_USUAL_DIRECTORIES = ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")
_SYSTEMD = Path("/run/systemd/system")
_INSTALL_DEADLINE_S = 300


@dataclass(frozen=True)
class PackageManager:
    """How one package manager installs without asking. `packages` tells which package brings which program."""

    command: str
    install: tuple[str, ...]
    packages: Mapping[str, str]
    refresh: tuple[str, ...] | None = None
    needs_root: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    services: tuple[str, ...] = ()
    """Units that the packages start by themselves."""


MANAGERS: tuple[PackageManager, ...] = (
    PackageManager(
        "apt-get",
        ("install", "-y", "--no-install-recommends"),
        {"prometheus": "prometheus", "promtool": "prometheus", "alertmanager": "prometheus-alertmanager"},
        refresh=("update",),
        environment={"DEBIAN_FRONTEND": "noninteractive"},
        services=("prometheus", "prometheus-alertmanager"),
    ),
    PackageManager(
        "dnf",
        ("install", "-y"),
        {
            "prometheus": "golang-github-prometheus",
            "promtool": "golang-github-prometheus",
            "alertmanager": "golang-github-prometheus-alertmanager",
        },
    ),
    PackageManager(
        "pacman",
        ("-S", "--needed", "--noconfirm"),
        {"prometheus": "prometheus", "promtool": "prometheus", "alertmanager": "alertmanager"},
    ),
    PackageManager(
        "brew",
        ("install",),
        {"prometheus": "prometheus", "promtool": "prometheus", "alertmanager": "alertmanager"},
        needs_root=False,
        environment={"HOMEBREW_NO_AUTO_UPDATE": "1"},
    ),
)


@dataclass(frozen=True)
class Binaries:
    """Absolute paths. `node_exporter` is used when it happens to be there and never installed."""

    prometheus: Path
    promtool: Path
    alertmanager: Path
    node_exporter: Path | None = None


@dataclass(frozen=True)
class Machine:
    """What finding and installing depends on; tests give another one."""

    search_path: str = ""
    is_root: bool = False
    runs_systemd: bool = False
    releases_url: str = RELEASES_URL

    @classmethod
    def here(cls) -> Machine:
        directories = [*os.environ.get("PATH", os.defpath).split(os.pathsep), *_USUAL_DIRECTORIES]
        return cls(os.pathsep.join(dict.fromkeys(directories)), os.geteuid() == 0, _SYSTEMD.is_dir())

    def which(self, *names: str) -> Path | None:
        for name in names:
            if found := shutil.which(name, path=self.search_path):
                return Path(found).resolve()
        return None


def find_binaries(data_dir: Path, machine: Machine | None = None) -> Binaries:
    """The programs that are already here (steps 1 and 2); LabError with what to do when one is missing."""
    machine = machine or Machine.here()
    if missing := _missing(data_dir, machine):
        raise LabError(_advice(missing, machine))
    return _found(data_dir, machine)


def provide_binaries(data_dir: Path, *, progress: Progress, machine: Machine | None = None) -> Binaries:
    """The programs, installed or downloaded when they are not here. Every command that is run is told to `progress`."""
    machine = machine or Machine.here()
    missing = _missing(data_dir, machine)
    if missing and (manager := _manager(machine)):
        _install(manager, missing, machine, progress)
        missing = _missing(data_dir, machine)
    failure = ""
    for release in (PROMETHEUS, ALERTMANAGER):
        if set(release.programs) & set(missing):
            try:
                download(release, data_dir / "bin", progress=progress, base=machine.releases_url)
            except LabError as error:
                progress(str(error))
                failure = f" ({error})"
    if missing := _missing(data_dir, machine):
        raise LabError(_advice(missing, machine) + failure)
    return _found(data_dir, machine)


def _locate(program: str, data_dir: Path, machine: Machine) -> Path | None:
    downloaded = data_dir / "bin" / program
    return machine.which(*PROGRAMS[program]) or (downloaded if os.access(downloaded, os.X_OK) else None)


def _missing(data_dir: Path, machine: Machine) -> list[str]:
    return [program for program in PROGRAMS if _locate(program, data_dir, machine) is None]


def _found(data_dir: Path, machine: Machine) -> Binaries:
    paths = {program: _locate(program, data_dir, machine) for program in PROGRAMS}
    present = {program: path for program, path in paths.items() if path is not None}
    return Binaries(**present, node_exporter=machine.which(*_NODE_EXPORTER))


def _manager(machine: Machine) -> PackageManager | None:
    return next((manager for manager in MANAGERS if machine.which(manager.command)), None)


def _install(manager: PackageManager, programs: list[str], machine: Machine, progress: Progress) -> None:
    """One package at a time, so that a package that this distribution does not have does not spoil the others."""
    refreshed = False
    for package in dict.fromkeys(manager.packages[program] for program in programs):
        if _run(manager, (*manager.install, package), machine, progress):
            continue
        if manager.refresh and not refreshed:
            refreshed = True
            if _run(manager, manager.refresh, machine, progress):
                _run(manager, (*manager.install, package), machine, progress)
    services = [unit for unit in manager.services if unit in {manager.packages[program] for program in programs}]
    if services and machine.runs_systemd:
        progress("stopping the services that the packages started; the lab runs its own copies")
        systemctl = PackageManager("systemctl", (), {})
        _run(systemctl, ("disable", "--now", *services), machine, progress)


def _run(manager: PackageManager, arguments: tuple[str, ...], machine: Machine, progress: Progress) -> bool:
    """Run one command, announced; False (announced too) when it cannot be run, fails, or takes too long."""
    command = [manager.command, *arguments]
    if manager.needs_root and not machine.is_root:
        if machine.which("sudo") is None:
            progress(f"not running {' '.join(command)}: it needs root, and there is no sudo")
            return False
        command = ["sudo", "-n", "env", *(f"{name}={value}" for name, value in manager.environment.items()), *command]
    progress(f"running {' '.join(command)}")
    environment = {**os.environ, **manager.environment, "PATH": machine.search_path}
    executable = str(machine.which(command[0]))
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command line of ours
            [executable, *command[1:]],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_INSTALL_DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        progress(f"{manager.command} failed: {error}")
        return False
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        progress(f"{manager.command} failed: {last[0]}")
    return done.returncode == 0


def _advice(missing: list[str], machine: Machine) -> str:
    """One line: what is missing and the exact commands for this machine."""
    wanted = f"the lab needs {' and '.join(missing)}, and found none on PATH; "
    if manager := _manager(machine):
        packages = " ".join(dict.fromkeys(manager.packages[program] for program in missing))
        sudo = "sudo " if manager.needs_root and not machine.is_root else ""
        refresh = f"{sudo}{manager.command} {' '.join(manager.refresh)} && " if manager.refresh else ""
        return f"{wanted}run: {refresh}{sudo}{manager.command} {' '.join(manager.install)} {packages}"
    return (
        wanted + "unpack into a directory on PATH: " + " and ".join(_tarball_url(release) for release in _of(missing))
    )


def _of(missing: list[str]) -> list[Release]:
    return [release for release in (PROMETHEUS, ALERTMANAGER) if set(release.programs) & set(missing)]


def _tarball_url(release: Release) -> str:
    return release.url(release.tarball(*this_platform()))
