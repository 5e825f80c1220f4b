"""One file of an Ansible tree to sections: what it is, which role it belongs to, and where each task and variable stands.

Decided by path and by content, so that roles may lie anywhere and other people's YAML is left to others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePosixPath

from yaml.nodes import MappingNode, Node

from tools.knowledge.ansible_inventory import Groups, ini_groups, yaml_groups
from tools.knowledge.ansible_lines import children_of, one_section, one_section_each
from tools.knowledge.ansible_place import (
    TEMPLATES,
    THIS_ROLE,
    YAML,
    Part,
    Place,
    Subject,
    in_inventory,
    is_passed_over,
    may_be_ini_inventory,
    place_in_role,
    subject_of,
)
from tools.knowledge.ansible_tasks import is_playbook, is_task_list, play_cuts, play_roles, task_cuts
from tools.knowledge.ansible_vault import without_vault
from tools.knowledge.ansible_yaml import compose, entries, items, value_of, words
from tools.knowledge.sections import Section

__all__ = ["AnsibleFile", "read_ansible", "without_vault"]

MAX_NAMES = 40
_META_KEYS = frozenset({"galaxy_info", "dependencies", "allow_duplicates", "argument_specs"})


@dataclass(frozen=True, slots=True)
class AnsibleFile:
    """`group` is the role's directory, relative to the source, else the file itself; `names` say in few words what it is about."""

    part: Part
    role: str | None
    group: str
    title: str
    names: tuple[str, ...]
    sections: tuple[Section, ...]


def read_ansible(path: str, body: str) -> AnsibleFile | None:
    """What the file holds; None when it is none of Ansible's. `path` is relative to the source.

    Line ranges count from 0 and leave out only blank lines, `---` and notices of licence at the top. Raises yaml.YAMLError.
    """
    name = PurePosixPath(path)
    if is_passed_over(name):
        return None
    lines = body.split("\n")
    place = place_in_role(name)
    is_yaml = name.suffix.lower() in YAML
    if name.suffix.lower() in TEMPLATES or (place and place.part == "templates" and "roles" in name.parts and is_yaml):
        return _template(name, place, lines)
    subject = subject_of(name)
    if subject or is_yaml:
        roots = compose(body)
        if len(roots) > 1:
            return None
        root = roots[0] if roots else None
        return _variables_of(name, subject, root, lines) if subject else _yaml_file(name, place, root, lines)
    if may_be_ini_inventory(name) and (groups := ini_groups(lines, expected=name.suffix == "" or in_inventory(name))):
        return _inventory(name, groups, lines)
    return None


def _yaml_file(name: PurePosixPath, place: Place | None, root: Node | None, lines: Sequence[str]) -> AnsibleFile | None:
    if place and (found := _part_of_role(name, place, root, lines)):
        return found
    if root is None:
        return None
    if is_playbook(root):
        return _playbook(name, root, lines)
    directories = {"tasks", "handlers"}.intersection(name.parts[:-1])
    if is_task_list(root, expected=bool(directories)):
        part: Part = "handlers" if "handlers" in {*directories, name.stem} else "tasks"
        return _listed(_on_its_own(part, name, f"{part} {name.name}"), root, lines)
    if groups := yaml_groups(root):
        return _inventory(name, groups, lines)
    if ("vars" in name.parts[:-1] or name.stem in {"vars", "variables"}) and _holds_variables(root):
        return _mapping(_on_its_own("vars", name, f"variables {name.name}"), root, lines)
    return None


def _part_of_role(name: PurePosixPath, place: Place, root: Node | None, lines: Sequence[str]) -> AnsibleFile | None:
    """The role's tasks, variables or meta data; None when the content is something else."""
    is_certain = "roles" in name.parts
    match place.part:
        case "tasks" | "handlers":
            if root is None or (is_task_list(root, expected=True) and (is_certain or not is_playbook(root))):
                return _listed(_of_role(place.part, place), root, lines)
        case "defaults" | "vars":
            if root is None or (is_certain and isinstance(root, MappingNode)) or _holds_variables(root):
                return _mapping(_of_role(place.part, place), root, lines)
        case "meta":
            if not _META_KEYS.isdisjoint(entry.name for entry in entries(root)):
                return _meta(place, root, lines)
    return None


def _listed(known: _Known, root: Node | None, lines: Sequence[str]) -> AnsibleFile:
    cuts = list(task_cuts(root, known.path)) if root is not None else []
    sections = one_section_each(lines, cuts) if cuts else one_section(lines, (), known.path)
    return known.file((cut.about for cut in cuts), sections)


def _mapping(known: _Known, root: Node | None, lines: Sequence[str]) -> AnsibleFile:
    cuts = list(children_of(root))
    return known.file((cut.about for cut in cuts), one_section(lines, cuts, known.path))


def _meta(place: Place, root: Node | None, lines: Sequence[str]) -> AnsibleFile:
    galaxy, specified = value_of(root, "galaxy_info"), entries(value_of(root, "argument_specs"))
    if place.role == THIS_ROLE and (name := words(value_of(galaxy, "role_name"))):
        place = replace(place, role=name)
    needed = [words(one) or words(value_of(one, "role", "name")) for one in items(value_of(root, "dependencies"))]
    names = (
        words(value_of(galaxy, "description")),
        *(words(value_of(entry.value, "short_description")) for entry in specified),
        *(words(tag) for tag in items(value_of(galaxy, "galaxy_tags"))),
        *(f"depends on {one}" for one in needed if one),
    )
    known = _of_role("meta", place)
    return known.file(names, one_section(lines, children_of(root), known.path))


def _playbook(name: PurePosixPath, root: Node, lines: Sequence[str]) -> AnsibleFile:
    known = _on_its_own("playbook", name, f"playbook {name.name}")
    cuts = list(play_cuts(root, known.path))
    plays = [cut.about for cut in cuts if len(cut.path) == len(known.path) + 1 and cut.about]
    first = next((play_name for play in items(root) if (play_name := words(value_of(play, "name")))), "")
    names = (*plays, *play_roles(root), *(cut.about for cut in cuts))
    titled = replace(known, title=f"{known.title}: {first}") if first else known
    return titled.file(names, one_section_each(lines, cuts))


def _variables_of(name: PurePosixPath, subject: Subject, root: Node | None, lines: Sequence[str]) -> AnsibleFile | None:
    if root is not None and not isinstance(root, MappingNode):
        return None
    title = f"variables of {subject.label}" + (f": {subject.inside}" if subject.inside else "")
    path = (subject.label, "/".join(name.parts[name.parts.index(subject.part) :]))
    return _mapping(_Known(subject.part, None, str(name), title, path), root, lines)


def _inventory(name: PurePosixPath, groups: Groups, lines: Sequence[str]) -> AnsibleFile:
    known = _on_its_own("inventory", name, f"inventory {name.name}")
    cuts = [replace(cut, path=(*known.path, f"group {cut.about}") if cut.about else known.path) for cut in groups.cuts]
    return known.file(groups.names, one_section_each(lines, cuts))


def _template(name: PurePosixPath, place: Place | None, lines: Sequence[str]) -> AnsibleFile:
    """Its text between blank lines: what a template makes is rarely YAML, and never before it is rendered."""
    title = f"template {name.name}"
    known = _of_role("template", place) if place else _on_its_own("template", name, title)
    if place:
        known = replace(known, title=f"{title} of {known.path[0]}")
    target = PurePosixPath(place.inside.removeprefix(f"{place.part}/") if place else name.name)
    target = target.with_suffix("") if target.suffix.lower() in TEMPLATES else target
    return known.file((str(target), target.name), one_section(lines, (), known.path))


@dataclass(frozen=True, slots=True)
class _Known:
    """What the path and a first look tell: `path` is the heading path that all of the file's sections share."""

    part: Part
    role: str | None
    group: str
    title: str
    path: tuple[str, ...]

    def file(self, names: Iterable[str], sections: tuple[Section, ...]) -> AnsibleFile:
        few = tuple(islice(dict.fromkeys(name for name in names if name), MAX_NAMES))
        return AnsibleFile(self.part, self.role, self.group, self.title, few, sections)


def _of_role(part: Part, place: Place) -> _Known:
    """`role nginx: tasks` for what Ansible loads by itself, `role nginx: tasks/certificates.yml` for the others."""
    label = place.role if place.role == THIS_ROLE else f"role {place.role}"
    is_main = place.inside in {f"{place.part}/main{suffix}" for suffix in YAML}
    title = f"{label}: {place.part if is_main else place.inside}"
    return _Known(part, place.role, place.directory, title, (label, place.inside))


def _on_its_own(part: Part, name: PurePosixPath, title: str) -> _Known:
    return _Known(part, None, str(name), title, (title,))


def _holds_variables(root: Node) -> bool:
    """Whether every key may name a variable, and this is no Kubernetes manifest that lies in the way."""
    keys = [entry.name for entry in entries(root)]
    return bool(keys) and all(key.isidentifier() for key in keys) and "apiVersion" not in keys
