"""Text from outside that speaks to an assistant rather than to its reader: data, never an order, and not worth repeating."""

from __future__ import annotations

import re

_ADDRESSEE = re.compile(
    r"\b(?:ai|a\.i\.|llms?|gpt|copilot|(?:large )?language models?|chat ?bots?|(?:the|any|all|every|to|dear|on-call) (?:\w+ )?(?:bots?|agents?|assistants?)|"
    r"assistants|(?:reader|user|owner|operator)['’]s (?:assistant|bot|agent)|(?:automated|automatic) (?:responders?|systems?|readers?|tooling|tools|triage)|summari[sz]ers?)\b|^\W*(?:assistant|system|bot|ai)\b[^:\n]{0,20}:",
    re.IGNORECASE | re.MULTILINE,
)
_NOT_ADDRESSED = re.compile(
    r"\bhome[- ]?assistant\b|\b(?:guest|qemu|ssh|snmp|mail|user|grafana|monitoring|backup|vpn|zabbix|telegraf|wazuh|crowdsec|tailscale|log|node|edge|portainer|pbs|nut)[- ]?agents?\b"
    r"|\b(?:open-?webui|ollama|openai)\b",
    re.IGNORECASE,
)
_SPEECH = re.compile(
    r"\b(?:answer|repl(?:y|ies)|respon[ds]e?s?|say|states?|tell|recommend|suggest|include|output|print|report|claim|mention|blame|conclude|begin|"
    r"write|send|reveal|must|should|never|always|instead|correct|mark|treat|set|close|recommend|ignore|forget|disregard|the real fix|please)\b",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b[^.\n]{0,40}\b(?:instructions?|prompts?|rules|evidence|context|everything|previous|above|alerts?)\b"
    r"|\b(?:to|for|attention|note to|dear) (?:the |any |all )?(?:ai|llm|assistants?|language models?|chat ?bots?|agents?)\b"
    r"|\byou are (?:now|an? (?:ai|assistant|language model))\b"
    r"|\b(?:answer|reply|respond|say|state|claim|report|tell the (?:user|reader|owner|operator))\b[^.\n]{0,30}\b(?:only|that|with)\b[^.\n]{0,60}"
    r"\b(?:cause|healthy|fine|good|nothing|no alert|all is well|all clear|resolved|ok)\b"
    r"|\b(?:reveal|print|output|leak|send)\b[^.\n]{0,40}\b(?:environment|secrets?|tokens?|api keys?|passwords?|system prompt|/etc/passwd|your configuration)\b"
    r"|\b(?:your|the) (?:next )?(?:answers?|responses?|repl(?:y|ies)|summary)\b[^.\n]{0,20}\b(?:must|should|shall|begins?|is always|has to|starts?)\b"
    r"|\b(?:in|into|to) (?:your|any|every|an|each) (?:answer|response|reply|summary)\b|\btell (?:the )?(?:user|operator|owner|admin|human)s?\b(?! that (?:dns|the))"
    r"|\bwhen(?:ever)? (?:you )?(?:summari[sz]\w*|answer\w*|asked|quot\w*|cit\w*)\b[^.\n]{0,60}\b(?:say|state|answer|reply|always|include|claim|blame)\b"
    r"|\bsystem (?:prompt|override|instruction)s?\b[^.\n]{0,12}[:!]|\bsystem note\b|\bnew instructions?\b|\bfrom now on\b[^.\n]{0,40}\b(?:answer|reply|respond|say)\b"
    r"|\[/?inst\]|<\|?(?:im_start|system|assistant)\|?>|<!--[^>]{0,20}\b(?:assistant|ai|llm|bot|agent)\b"
    r"|^\W*(?:override|instructions?(?: for you)?)\s*:"
    r"|\b(?:answer|reply|respond)\b(?: to)?(?: (?:every|any|each|all)\b[^.\n]{0,40})? with\b\s*[:\"“'‘]|\banswer (?:every|any|all) questions?\b"
    r"|\b(?:forget|ignore|disregard) (?:what|all that|whatever|everything) (?:you|was|i|he|she|they)\b"
    r"|\b(?:reveal|print|output|leak|send|show|tell)\b[^.\n]{0,30}\b[A-Z_]*_(?:KEY|TOKEN|PASSWORD|SECRET)\b"
    r"|\b(?:whoever|whatever|who) (?:reads|processes|parses|summari[sz]es) (?:this|it)\b[^.\n]{0,30}\b(?:should|must|shall|has to)\b"
    r"|\bas an? (?:\w+ ){0,3}(?:assistant|ai|model|bot|agent),? you\b"
    r"|\bwhen(?:ever)? you (?:summari[sz]e|answer|quote|cite)\b[^.\n]{0,40}\b(?:begin|start|end|finish|say|add|write|mention)\b"
    r"|\bdo(?: not|n't) (?:tell|mention|say|report|show|reveal)\b[^.\n]{0,20}\b(?:the )?(?:user|owner|operator|reader|anybody|anyone)\b",
    re.IGNORECASE | re.MULTILINE,
)


def gives_orders(text: str) -> bool:
    """Whether a paragraph speaks to an assistant: by an order that only one could carry out, or by addressing one."""
    plain = _NOT_ADDRESSED.sub("", text)
    return bool(_ORDER.search(plain) or (_ADDRESSEE.search(plain) and _SPEECH.search(plain)))


_BLOCK = re.compile(r"(\n\s*\n|\n(?=\s*(?:[-*+]|\d+[.)])\s))")
"""Between paragraphs, and before each item of a list."""


def without_orders(text: str) -> tuple[str, int]:
    """The text without the paragraphs and list items that order an assistant about, and how many those were."""
    parts = _BLOCK.split(text)
    blocks, joints = parts[::2], ["", *parts[1::2]]
    kept = [joint + block for joint, block in zip(joints, blocks, strict=True) if not gives_orders(block)]
    return "".join(kept).lstrip("\n"), len(blocks) - len(kept)
