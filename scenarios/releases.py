"""Programs out of the Prometheus project's official release tarballs, verified before anything is unpacked.

The version is pinned here; the SHA-256 comes from `sha256sums.txt` of the same release, fetched over HTTPS. So the checksum protects
against a damaged or swapped tarball, not against a compromise of the release page itself.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import cast

from core.errors import LabError

RELEASES_URL = "https://github.com"
"""Followed by /<project>/releases/download/v<version>/<file>."""

MAX_TARBALL_BYTES = 300 * 1024 * 1024
MAX_CHECKSUMS_BYTES = 256 * 1024
TIMEOUT_S = 30.0
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "armv7l": "armv7"}


@dataclass(frozen=True)
class Release:
    """One pinned release: `project` is owner/name on GitHub, `programs` the executables that we take out of it."""

    project: str
    version: str
    programs: tuple[str, ...]

    def tarball(self, system: str, architecture: str) -> str:
        return f"{self.project.partition('/')[2]}-{self.version}.{system}-{architecture}.tar.gz"

    def url(self, file: str, base: str = RELEASES_URL) -> str:
        return f"{base}/{self.project}/releases/download/v{self.version}/{file}"


PROMETHEUS = Release("prometheus/prometheus", "2.53.4", ("prometheus", "promtool"))
ALERTMANAGER = Release("prometheus/alertmanager", "0.28.1", ("alertmanager",))


def this_platform() -> tuple[str, str]:
    """System and architecture as release files spell them; LabError when the project releases nothing for it."""
    system, machine = platform.system().lower(), platform.machine().lower()
    if system not in ("linux", "darwin") or machine not in _ARCHITECTURES:
        raise LabError(f"no release of Prometheus is known for {system}/{machine}; run the lab on Linux or macOS")
    return system, _ARCHITECTURES[machine]


def download(release: Release, into: Path, *, progress: Callable[[str], None], base: str = RELEASES_URL) -> None:
    """Fetch, verify and unpack the release's programs into the directory `into`.

    Raises LabError when the release cannot be reached, has no such file, or the tarball does not match its checksum.
    """
    file = release.tarball(*this_platform())
    url = release.url(file, base)
    progress(f"downloading {url}")
    expected = _expected_sha256(release, file, base)
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=into) as scratch:
        tarball = Path(scratch) / file
        measured = _fetch(url, tarball)
        if measured != expected:
            raise LabError(
                f"{url}: SHA-256 is {measured}, sha256sums.txt of the release says {expected}; not installed"
            )
        progress(f"SHA-256 of {file} matches sha256sums.txt of the same release")
        _unpack(tarball, release, into, Path(scratch))


def _expected_sha256(release: Release, file: str, base: str) -> str:
    url = release.url("sha256sums.txt", base)
    try:
        with _open(url) as response:
            listing = response.read(MAX_CHECKSUMS_BYTES).decode("ascii", "replace")
    except (OSError, urllib.error.URLError) as error:
        raise LabError(f"cannot fetch {url}: {error}") from None
    for line in listing.splitlines():
        digest, _, name = line.partition(" ")
        if name.strip().lstrip("*") == file:
            return digest.lower()
    raise LabError(f"{url} lists no {file}")


def _fetch(url: str, target: Path) -> str:
    """Download to `target` and return its SHA-256."""
    digest, size = hashlib.sha256(), 0
    try:
        with _open(url) as response, target.open("wb") as out:
            while chunk := response.read(1 << 20):
                size += len(chunk)
                if size > MAX_TARBALL_BYTES:
                    raise LabError(f"{url} is larger than {MAX_TARBALL_BYTES >> 20} MiB; not installed")
                digest.update(chunk)
                out.write(chunk)
    except (OSError, urllib.error.URLError) as error:
        raise LabError(f"cannot fetch {url}: {error}") from None
    return digest.hexdigest()


def _open(url: str) -> HTTPResponse:
    response = urllib.request.urlopen(url, timeout=TIMEOUT_S)  # noqa: S310 - the base is a constant, or a test's own server
    return cast("HTTPResponse", response)


def _unpack(tarball: Path, release: Release, into: Path, scratch: Path) -> None:
    """Take only the programs by name; nothing in the archive decides where a file is written."""
    wanted = set(release.programs)
    try:
        with tarfile.open(tarball, "r:gz") as archive:
            for member in archive:
                name = Path(member.name).name
                source = archive.extractfile(member) if name in wanted and member.isfile() else None
                if source is None:
                    continue
                fresh = scratch / name
                with fresh.open("wb") as out:
                    shutil.copyfileobj(source, out)
                fresh.chmod(0o755)
                os.replace(fresh, into / name)  # noqa: PTH105 - atomic by name, also across an existing file
                wanted.discard(name)
    except tarfile.TarError as error:
        raise LabError(f"{tarball.name} cannot be unpacked: {error}") from None
    if wanted:
        raise LabError(f"{tarball.name} holds no {', '.join(sorted(wanted))}")
