"""Commands and links of a claim must stand, word for word, in what it cites: nothing is typed that no page has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.verification.claims import Claim
from pipeline.verification.ground import Ground, same_link
from pipeline.verification.reading import Reading

_OWN = re.compile(r"sre (?:ask|ingest|doctor|search|rca|chat|cost|lab|eval)\b[^;|&`$]{0,200}|[A-Z][A-Z_]{2,60}")
"""The assistant's own commands and settings, which change nothing."""
_OPTION = re.compile(r"--[a-z][\w-]+(?:=\S+)?")
_PROMPT = re.compile(r"^(?:[\w.-]+@[\w.-]+[^$#\s]{0,40})?[$#]\s+(?=\S)")
_COMMENT = re.compile(r"^#(?!!)")
_CUT = re.compile(r"^…|^\.\.\.$")
_TOOLS = (
    r"systemctl|journalctl|service|docker(?:[ -]compose)?|podman|kubectl|helm|pct|qm|pvesh|pvecm|pveum|vzdump|zpool|zfs|apt|apt-get|dnf|pip|rm|dd|mkfs\S*|"
    r"reboot|shutdown|poweroff|ssh|scp|rsync|ansible|ansible-playbook|kill|killall|pkill|chmod|chown|mount|umount|smartctl|iptables|nft|ufw|ip|curl|"
    r"wget|restic|borg|nut|upsc|upscmd|openssl|dig|nslookup|ping|traceroute|sysctl|swapoff|swapon|fsck|lvextend|resize2fs|truncate|crontab|"
    r"psql|pg_dump|redis-cli|mysql|certbot|sudo|du|df|free|top|htop|iotop|lsof|ss|netstat|ps|find|grep|tail|head|cat|chronyc|timedatectl|nvme|hdparm|"
    r"promtool|amtool|git|sed|awk|tee|echo|export|mv|cp|ln|tar|fstrim|sync|modprobe|sensors"
)
_TYPED = re.compile(
    rf"\b(?:run|runs|execute|type|issue|try|using|use|with|by running|via)\s(?P<command>(?:sudo\s)?(?:{_TOOLS})(?:\s[\w./:@=-]+){{1,3}})",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"\b(?P<command>(?:systemctl|docker(?:[ -]compose)?|podman|kubectl|pct|qm|zpool|zfs|apt|apt-get|service|journalctl|ansible-playbook|rm|kill|pkill|sysctl|curl|ssh)"
    r"\s(?:-{1,2}[\w-]+|restart|stop|start|reload|rm|kill|exec|logs|prune|up|down|pull|install|upgrade|remove|purge|destroy|scrub|clear|replace|"
    r"rollback|enable|disable|mask|status|scale|delete|apply|drain|inspect|stats|ps|daemon-reload|reset-failed|system|image|volume|compose|update)"
    r"(?:\s[\w./:@=-]*[\w/])?)(?=[\s.,;:)]|$)"
)


def commands_without_ground(reading: Reading, ground: Ground) -> Iterator[str]:
    """Code with a space in it, options, and what the prose says to type."""
    for code in reading.codes:
        if (" " in code or _OPTION.fullmatch(code)) and not _OWN.fullmatch(code) and not _stands(code, ground):
            yield code
    found = [*_TYPED.finditer(reading.prose), *_BARE.finditer(reading.prose)]
    for match in found:
        command = match["command"].strip(" .,;:")
        if not _stands_at_first(command, ground):
            yield command
            return


def code_without_ground(claim: Claim, ground: Ground) -> Iterator[str]:
    """The lines of a code block that nobody wrote before."""
    lines = claim.text.split("\n")
    fenced = bool(re.match(r"[ \t>]*(?:`{3,}|~{3,})", lines[0]))
    for line in lines[1:] if fenced else lines:
        typed = " ".join(line.split())
        if not typed or re.fullmatch(r"[>\s]*(?:`{3,}|~{3,})\s*", line) or _COMMENT.match(typed) or _CUT.match(typed):
            continue
        typed = typed if ground.says(typed) else _PROMPT.sub("", typed)
        if not _OWN.fullmatch(typed) and not _stands(typed, ground):
            yield typed


def links_without_ground(reading: Reading, *grounds: Ground) -> Iterator[str]:
    """Web addresses of no item. A link of another item than the cited one misleads nobody."""
    known = {same_link(link) for ground in grounds for item in ground.items for link in item.links}
    for link in reading.links:
        if same_link(link) not in known:
            yield link


def _stands(code: str, ground: Ground) -> bool:
    """Whole words of an item: "reboot" does not stand in "rebooted"."""
    wanted = " ".join(code.lower().split()).rstrip(";")
    if not wanted:
        return True
    pattern = re.compile(rf"(?<![\w-]){re.escape(wanted)}(?![\w-])")
    return any(wanted in item.squeezed and pattern.search(item.squeezed) for item in ground.items)


def _stands_at_first(command: str, ground: Ground) -> bool:
    """In prose nobody can tell where the command ends and the sentence goes on: with its last words or without them, but two at least."""
    words = command.split()
    return any(
        _stands(" ".join(words[:count]), ground) for count in range(len(words), max(1, len(words) - 2), -1) if count > 1
    )
