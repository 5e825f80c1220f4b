import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.errors import LabError
from scenarios.binaries import Machine, find_binaries, provide_binaries
from scenarios.releases import ALERTMANAGER, PROMETHEUS, Release, this_platform


def executable(path: Path, script: str = "exit 0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bin_dir(tmp_path: Path) -> Path:
    path = tmp_path / "bin-on-path"
    path.mkdir()
    return path


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An empty release server: (base URL, its document root)."""
    root = tmp_path / "releases"
    root.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", root
    server.shutdown()
    server.server_close()


def publish(root: Path, release: Release, programs: tuple[str, ...], *, sha256: str | None = None) -> None:
    """Put a release of tiny programs (and a file that tries to escape) where the downloader looks for it."""
    file = release.tarball(*this_platform())
    directory = root / release.project / "releases" / "download" / f"v{release.version}"
    directory.mkdir(parents=True)
    with tarfile.open(directory / file, "w:gz") as archive:
        for name in (*(f"{file.removesuffix('.tar.gz')}/{program}" for program in programs), "../../escaped"):
            body = b"#!/bin/sh\nexit 0\n"
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    digest = sha256 or hashlib.sha256((directory / file).read_bytes()).hexdigest()
    (directory / "sha256sums.txt").write_text(f"{'0' * 64}  other.tar.gz\n{digest}  {file}\n")


def test_programs_on_the_path_are_used_under_either_name(tmp_path: Path, bin_dir: Path) -> None:
    for name in ("prometheus", "promtool", "prometheus-alertmanager", "prometheus-node-exporter"):
        executable(bin_dir / name)
    found = find_binaries(tmp_path, Machine(str(bin_dir)))
    assert found.prometheus == bin_dir / "prometheus"
    assert found.alertmanager == bin_dir / "prometheus-alertmanager"
    assert found.node_exporter == bin_dir / "prometheus-node-exporter"


def test_an_earlier_download_is_used_and_nothing_is_run(tmp_path: Path, bin_dir: Path) -> None:
    for name in ("prometheus", "promtool", "alertmanager"):
        executable(tmp_path / "bin" / name)
    executable(bin_dir / "apt-get", f"touch {tmp_path}/called")
    said: list[str] = []
    found = provide_binaries(tmp_path, progress=said.append, machine=Machine(str(bin_dir), is_root=True))
    assert found.promtool == tmp_path / "bin" / "promtool"
    assert found.node_exporter is None
    assert said == []
    assert not (tmp_path / "called").exists()


def test_what_is_missing_is_named_with_the_command_that_installs_it(tmp_path: Path, bin_dir: Path) -> None:
    executable(bin_dir / "prometheus")
    executable(bin_dir / "promtool")
    executable(bin_dir / "apt-get")
    with pytest.raises(LabError) as caught:
        find_binaries(tmp_path, Machine(str(bin_dir)))
    assert "alertmanager" in str(caught.value)
    assert "sudo apt-get install -y --no-install-recommends prometheus-alertmanager" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_a_package_manager_the_advice_is_the_tarballs(tmp_path: Path, bin_dir: Path) -> None:
    with pytest.raises(LabError) as caught:
        find_binaries(tmp_path, Machine(str(bin_dir)))
    system, architecture = this_platform()
    assert f"prometheus-{PROMETHEUS.version}.{system}-{architecture}.tar.gz" in str(caught.value)
    assert f"alertmanager-{ALERTMANAGER.version}.{system}-{architecture}.tar.gz" in str(caught.value)


def test_apt_refreshes_its_lists_only_when_a_package_is_not_found(tmp_path: Path, bin_dir: Path) -> None:
    log = tmp_path / "log"
    executable(
        bin_dir / "apt-get",
        f"""echo "$@" >> {log}
[ "$1" = update ] && : > {tmp_path}/fresh && exit 0
[ -e {tmp_path}/fresh ] || {{ echo "E: Unable to locate package" >&2; exit 100; }}
for last; do :; done
: > {bin_dir}/$last; /bin/chmod +x {bin_dir}/$last
[ $last = prometheus ] && : > {bin_dir}/promtool && /bin/chmod +x {bin_dir}/promtool
exit 0""",
    )
    said: list[str] = []
    found = provide_binaries(tmp_path, progress=said.append, machine=Machine(str(bin_dir), is_root=True))
    assert found.alertmanager == bin_dir / "prometheus-alertmanager"
    assert [line.split()[0] for line in log.read_text().splitlines()] == ["install", "update", "install", "install"]
    assert "apt-get failed: E: Unable to locate package" in said
    assert not any("sudo" in line for line in said)


def test_sudo_is_used_when_not_root_and_said_aloud(tmp_path: Path, bin_dir: Path) -> None:
    log = tmp_path / "log"
    executable(bin_dir / "apt-get")
    executable(bin_dir / "sudo", f'printf "%s\\n" "$*" >> {log}; exit 1')
    said: list[str] = []
    with pytest.raises(LabError):
        provide_binaries(
            tmp_path, progress=said.append, machine=Machine(str(bin_dir), releases_url="http://127.0.0.1:9")
        )
    assert log.read_text().startswith("-n env DEBIAN_FRONTEND=noninteractive apt-get install")
    assert any(line.startswith("running sudo -n env") for line in said)


def test_services_of_fresh_packages_are_stopped_where_systemd_runs(tmp_path: Path, bin_dir: Path) -> None:
    log = tmp_path / "log"
    for name in ("prometheus", "promtool"):
        executable(bin_dir / name)
    executable(
        bin_dir / "apt-get", f": > {bin_dir}/prometheus-alertmanager; /bin/chmod +x {bin_dir}/prometheus-alertmanager"
    )
    executable(bin_dir / "systemctl", f'echo "$@" >> {log}')
    machine = Machine(str(bin_dir), is_root=True, runs_systemd=True)
    provide_binaries(tmp_path, progress=lambda _: None, machine=machine)
    assert log.read_text() == "disable --now prometheus-alertmanager\n"


def test_brew_runs_without_sudo(tmp_path: Path, bin_dir: Path) -> None:
    script = "".join(
        f": > {bin_dir}/{name}; /bin/chmod +x {bin_dir}/{name}; " for name in ("prometheus", "promtool", "alertmanager")
    )
    executable(bin_dir / "brew", script)
    executable(bin_dir / "sudo", "exit 1")
    found = provide_binaries(tmp_path, progress=lambda _: None, machine=Machine(str(bin_dir)))
    assert found.alertmanager == bin_dir / "alertmanager"


def test_a_release_is_verified_and_only_its_programs_are_taken(
    tmp_path: Path, bin_dir: Path, releases: tuple[str, Path]
) -> None:
    base, root = releases
    publish(root, PROMETHEUS, ("prometheus", "promtool", "LICENSE"))
    publish(root, ALERTMANAGER, ("alertmanager", "amtool"))
    data_dir, said = tmp_path / "data", []
    found = provide_binaries(data_dir, progress=said.append, machine=Machine(str(bin_dir), releases_url=base))
    assert found.prometheus == data_dir / "bin" / "prometheus"
    assert sorted(path.name for path in (data_dir / "bin").iterdir()) == ["alertmanager", "prometheus", "promtool"]
    assert not (tmp_path / "escaped").exists()
    assert any("matches sha256sums.txt" in line for line in said)


def test_a_tarball_with_another_checksum_is_not_installed(
    tmp_path: Path, bin_dir: Path, releases: tuple[str, Path]
) -> None:
    base, root = releases
    publish(root, PROMETHEUS, ("prometheus", "promtool"), sha256="1" * 64)
    for name in ("alertmanager",):
        executable(bin_dir / name)
    with pytest.raises(LabError, match="SHA-256"):
        provide_binaries(tmp_path, progress=lambda _: None, machine=Machine(str(bin_dir), releases_url=base))
    assert not (tmp_path / "bin" / "prometheus").exists()


def test_a_release_without_its_program_is_an_error(tmp_path: Path, bin_dir: Path, releases: tuple[str, Path]) -> None:
    base, root = releases
    publish(root, PROMETHEUS, ("prometheus",))
    publish(root, ALERTMANAGER, ("alertmanager",))
    with pytest.raises(LabError, match="holds no promtool"):
        provide_binaries(tmp_path, progress=lambda _: None, machine=Machine(str(bin_dir), releases_url=base))


def test_an_unreachable_release_page_leaves_the_advice(tmp_path: Path, bin_dir: Path) -> None:
    with pytest.raises(LabError, match=r"cannot fetch http://127\.0\.0\.1:9/"):
        provide_binaries(
            tmp_path, progress=lambda _: None, machine=Machine(str(bin_dir), releases_url="http://127.0.0.1:9")
        )
