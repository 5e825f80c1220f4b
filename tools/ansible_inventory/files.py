"""Where a tree keeps its inventory: what `ansible.cfg` names, else the usual places, with group_vars and host_vars beside it.

Only regular files inside the tree are read, and links that stay inside it.
"""

from __future__ import annotations

import configparser
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MAX_BYTES = 2_000_000
MAX_FILES = 2_000
MAX_DEPTH = 6
USUAL_PLACES = ("inventory", "inventories", "hosts", "production", "staging")
YAML_SUFFIXES = (".yml", ".yaml", ".json")
VARIABLE_FOLDERS = ("group_vars", "host_vars")
_IGNORED = re.compile(
    r"^\.|^(?:host_vars|group_vars|vars_plugins)$|(?:\.pyc|\.pyo|\.swp|\.bak|~|\.rpm|\.md|\.txt|\.rst|\.orig|\.cfg|\.retry)$"
)
"""What Ansible leaves alone in a directory of inventories."""
_HOLDS_PLAYBOOKS = ("roles", "playbooks", "tasks", "site.yml", "ansible.cfg")


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file of a tree. `name` is relative to it; `size` (bytes) and `modified` (ns) tell whether it was touched."""

    name: str
    path: Path
    size: int
    modified: int


@dataclass
class TreeFiles:
    """`variables` maps `("group_vars" | "host_vars", name)` to its files, in the order in which Ansible reads them."""

    inventories: list[TreeFile] = field(default_factory=list)
    variables: dict[tuple[str, str], list[TreeFile]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def stamp(self) -> tuple[object, ...]:
        """Differs as soon as anything that was found does."""
        kept = (file for files in self.variables.values() for file in files)
        return (*self.inventories, *kept, *self.problems)


def find_files(root: Path) -> TreeFiles:
    """The inventory of the tree at `root`, which may also be a directory of inventories, or a single one."""
    found = TreeFiles()
    if not root.exists():
        found.problems.append(f"{root} is not there; SRE_ANSIBLE names the directory that holds your inventory")
        return found
    tree = _Tree(root if root.is_dir() else root.parent, found)
    starts = _starts(root, tree)
    for start in starts:
        found.inventories += [file for file in tree.files(start, 0) if file not in found.inventories]
    beside = {start if start.is_dir() else start.parent for start in starts} | {
        f.path.parent for f in found.inventories
    }
    for folder in sorted({tree.root} | beside, key=lambda path: (len(path.parts), path)):
        for kind in VARIABLE_FOLDERS:
            for name, file in tree.variables(folder / kind):
                found.variables.setdefault((kind, name), []).append(file)
    return found


def read_text(file: TreeFile) -> str:
    """The text of a file. Raises ValueError saying why there is none."""
    if file.size > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES // 1_000_000} MB")
    try:
        # Never wait: a pipe that took the file's place would block for good.
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK)
        with open(descriptor, "rb") as opened:  # noqa: PTH123  a descriptor has no Path
            return opened.read(MAX_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None


def _starts(root: Path, tree: _Tree) -> list[Path]:
    """The files and directories to read as inventories."""
    if not root.is_dir():
        return [root]
    if named := list(_named_in_configuration(tree)):
        return named
    usual = [root / f"{place}{suffix}" for place in USUAL_PLACES for suffix in ("", *YAML_SUFFIXES, ".ini")]
    if existing := [path for path in usual if path.exists()]:
        return existing
    return [] if any((root / name).exists() for name in _HOLDS_PLAYBOOKS) else [root]


def _named_in_configuration(tree: _Tree) -> Iterator[Path]:
    """What `ansible.cfg` says under `[defaults] inventory`, relative to itself."""
    file = tree.file(tree.root / "ansible.cfg")
    if file is None:
        return
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(read_text(file))
    except (ValueError, configparser.Error) as error:
        tree.found.problems.append(f"ansible.cfg: {str(error).splitlines()[0]}")
        return
    for part in parser.get("defaults", "inventory", fallback="").split(","):
        if not part.strip():
            continue
        path = Path(os.path.normpath(tree.root / Path(part.strip()).expanduser()))
        if not path.is_relative_to(tree.root):
            tree.found.problems.append(
                f"ansible.cfg: the inventory {part.strip()} lies outside the tree; name its directory in SRE_ANSIBLE too"
            )
        elif not path.exists():
            tree.found.problems.append(f"ansible.cfg: the inventory {part.strip()} is not there")
        else:
            yield path


class _Tree:
    def __init__(self, root: Path, found: TreeFiles) -> None:
        self.root = Path(os.path.normpath(root.absolute()))
        self.found = found
        self._inside = root.resolve()
        self._count = 0

    def file(self, path: Path) -> TreeFile | None:
        """A regular file inside the tree; None for anything else, which is noted where it was meant to be read."""
        name = os.path.relpath(path, self.root)
        try:
            status = path.stat()
            if not path.resolve().is_relative_to(self._inside):
                self.found.problems.append(f"{name}: a symbolic link out of its tree")
                return None
        except FileNotFoundError:
            if path.is_symlink():
                self.found.problems.append(f"{name}: a symbolic link that leads nowhere")
            return None
        except (OSError, RuntimeError):  # pathlib reports a loop of links as RuntimeError before Python 3.13
            self.found.problems.append(f"{name}: cannot be read")
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        self._count += 1
        if self._count > MAX_FILES:
            self.found.problems.append(f"more than {MAX_FILES} files; the first ones are read")
            return None
        return TreeFile(name, path, status.st_size, status.st_mtime_ns)

    def files(self, start: Path, depth: int) -> Iterator[TreeFile]:
        """`start`, or everything below it that Ansible would read as an inventory, in its order."""
        if not start.is_dir():
            if file := self.file(start):
                yield file
        elif depth == 0 or (depth <= MAX_DEPTH and not start.is_symlink()):
            for entry in self._listed(start):
                if not _IGNORED.search(entry):
                    yield from self.files(start / entry, depth + 1)

    def variables(self, folder: Path) -> Iterator[tuple[str, TreeFile]]:
        """`(name, file)` for `<name>.yml`, `<name>` and everything in `<name>/`."""
        for entry in self._listed(folder) if folder.is_dir() else ():
            path = folder / entry
            name = path.stem if path.suffix in YAML_SUFFIXES else entry
            if entry.startswith(".") or entry.endswith("~"):
                continue
            for file in self.files(path, 0):
                if file.path.suffix in ("", *YAML_SUFFIXES):
                    yield name, file

    def _listed(self, folder: Path) -> list[str]:
        try:
            return sorted(os.listdir(folder))  # noqa: PTH208  names are what is wanted
        except OSError as error:
            self.found.problems.append(f"{os.path.relpath(folder, self.root)}: cannot be read ({error.strerror})")
            return []
