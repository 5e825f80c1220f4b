"""Secrets that are recognised by their shape alone: tokens of known providers, private keys, vault blocks, password hashes.

Each rule names lower-case anchors; a text that contains none of them is not searched, so ordinary text costs a few substring
scans. Providers that detect-secrets knows are matched with its expressions; it is imported (0.25 s) when an anchor is met. Its
noisy detectors (entropy, IP addresses, keywords, Artifactory) and those that only look at assignments are left out: the latter
are `core.secret_pairs`'s own work.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module

REDACTED = "[redacted]"
_START = r"(?:(?<![A-Za-z0-9])|(?<=bot))"
"""Where a token may begin. Telegram writes its own right after `bot` in a URL."""


@dataclass(frozen=True)
class Shape:
    """`pattern` is searched when the lower-cased text holds an anchor; its group `secret`, or all of it, is replaced."""

    anchors: tuple[str, ...]
    pattern: re.Pattern[str]

    def apply(self, text: str, lowered: str) -> str:
        if not any(anchor in lowered for anchor in self.anchors):
            return text
        return self.pattern.sub(_without_secret, text)


@dataclass(frozen=True)
class _Provider:
    """A detector of detect-secrets, loaded when a text holds one of its anchors (case matters here)."""

    module: str
    detector: str
    anchors: tuple[str, ...]


_PROVIDERS = (
    _Provider("aws", "AWSKeyDetector", ("AKIA", "ASIA", "ABIA", "ACCA", "A3T")),
    _Provider("discord", "DiscordBotTokenDetector", ("discord", "Discord", "DISCORD", "Bot ")),
    _Provider("github_token", "GitHubTokenDetector", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    _Provider(
        "gitlab_token",
        "GitLabTokenDetector",
        (
            "glpat-",
            "gldt-",
            "glft-",
            "glsoat-",
            "glrt-",
            "GR1348941",
            "glcbt-",
            "glimt-",
            "glptt-",
            "glagent-",
            "gloas-",
        ),
    ),
    _Provider(
        "mailchimp", "MailchimpDetector", ("-us1", "-us2", "-us3", "-us4", "-us5", "-us6", "-us7", "-us8", "-us9")
    ),
    _Provider("openai", "OpenAIDetector", ("T3BlbkFJ",)),
    _Provider("pypi_token", "PypiTokenDetector", ("pypi-Ag",)),
    _Provider("slack", "SlackDetector", ("xox", "XOX", "hooks.slack.com")),
    _Provider("square_oauth", "SquareOAuthDetector", ("sq0csp-",)),
    _Provider("stripe", "StripeDetector", ("k_live_",)),
    _Provider("twilio", "TwilioKeyDetector", ("twilio", "Twilio", "TWILIO")),
)


def _shape(anchors: str, pattern: str) -> Shape:
    return Shape(tuple(anchors.split()), re.compile(pattern))


_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_SHAPES = (
    # A JSON object in base64: JSON Web Tokens (Home Assistant), Grafana's old API keys, Cloudflare tunnel tokens.
    _shape("eyj", rf"{_START}eyJ[A-Za-z0-9_+/-]{{17,}}={{0,2}}(?:\.[A-Za-z0-9_-]*){{0,4}}"),
    _shape("sk-", r"(?<![A-Za-z0-9_-])sk-(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{20,}"),
    _shape("github_pat_", rf"{_START}github_pat_\w{{22,}}"),
    _shape("glsa_ glc_", rf"{_START}gl(?:sa|c)_[A-Za-z0-9_+/=-]{{20,}}"),
    _shape("tk_", r"(?<!\w)tk_[a-z0-9]{29}(?!\w)"),  # ntfy
    _shape("dckr_pat_ npm_ hf_ gsk_", rf"{_START}(?:dckr_pat|npm|hf|gsk)_[A-Za-z0-9_-]{{24,}}"),
    _shape("tskey-", rf"{_START}tskey-[a-z]+-[A-Za-z0-9-]{{10,}}"),
    _shape("hvs. hvb.", rf"{_START}hv[sb]\.[A-Za-z0-9_-]{{24,}}"),
    _shape("sg.", rf"{_START}SG\.[\w-]{{22}}\.[\w-]{{43}}"),  # SendGrid; "msg." is too common to import a detector for
    _shape("aiza", rf"{_START}AIza[\w-]{{35}}"),
    _shape("age-secret-key-", r"AGE-SECRET-KEY-1[A-Z0-9]{40,}"),
    _shape(":", rf"{_START}[0-9]{{8,10}}:[0-9A-Za-z_-]{{35}}(?![0-9A-Za-z_-])"),  # Telegram
    # Proxmox VE and Backup Server: USER@REALM!TOKENID=UUID, and the login ticket.
    _shape("!", rf"@[\w.-]{{1,64}}![\w.-]{{1,64}}[=:](?P<secret>{_UUID})"),
    _shape("pve: pbs:", r"\b(?:PVE|PBS)[A-Za-z]{0,16}:[^\s:]{1,80}:[0-9A-F]{8}::(?P<secret>[A-Za-z0-9+/=]{16,})"),
    # Webhook addresses are passwords.
    _shape("/api/webhooks/", r"/api/webhooks/\d{5,25}/(?P<secret>[\w-]{20,})"),
    _shape("/api/push/", r"/api/push/(?P<secret>[A-Za-z0-9]{10,})"),  # Uptime Kuma
    _shape("hc-ping.com/", rf"hc-ping\.com/(?P<secret>{_UUID})"),
    _shape(
        "discord:// slack:// tgram:// gotify:// gotifys:// pover:// pbul:// msteams://",
        r"\b(?:discord|slack|tgram|gotifys?|pover|pbul|msteams)://(?P<secret>(?!\[redacted\])[^\s\"'<>,;]+)",  # Apprise
    ),
    # Password hashes of crypt(3), htpasswd and argon2.
    _shape("$", r"\$(?:1|2[abxy]?|5|6|7|y|apr1|argon2i?d?)\$[./A-Za-z0-9$=,+-]{20,}"),
    # A private key in base64 of its PEM text, as Kubernetes and cloud-init write it; certificates stay.
    _shape("ls0tls1crudjti", r"LS0tLS1CRUdJTi(?!BDRVJU)[A-Za-z0-9+/]{20,}={0,2}"),
    # An Ansible vault block keeps its header. Lines are 80 hex digits, the last one shorter; `\n` may be escaped.
    _shape(
        "$ansible_vault;",
        r"\$ANSIBLE_VAULT;[\w.;-]{1,80}"
        r"(?P<secret>(?:(?:\s|\\[nr])+[0-9a-f]{80}(?![0-9a-f]))*(?:\s|\\[nr])+[0-9a-f]{6,80}(?!\w))",
    ),
)
_PEM = re.compile(
    r"-----BEGIN (?P<what>[A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?)-----"
    r"(?P<body>[^-]*(?:-(?!----(?:END|BEGIN))[^-]*)*)(?P<end>-----END [A-Z0-9 ]{0,40}-----)?"
)
_PEM_LINE = re.compile(r"\s*(?:[A-Za-z0-9+/=]{16,}|[A-Za-z-]+: [^\n]{0,120}|[A-Za-z0-9+/]{0,80}={0,2})\s*")
_PUTTY = re.compile(r"(?P<head>Private-Lines: \d{1,4})(?P<secret>(?:(?:\s|\\[nr])+[A-Za-z0-9+/=]{4,}(?![\w:-]))+)")


_PEM_REMNANT = re.compile(
    r"(?<!\S)(?=\S*[A-Z])(?=\S*[a-z])(?=\S*[0-9])[A-Za-z0-9+/]{64}(?:[A-Za-z0-9+/]{6}){0,2}$", re.MULTILINE
)
"""A line of a key whose other lines became entries of their own; hex digests have no capitals beside small letters."""


def redact_shapes(text: str, lowered: str) -> str:
    """`text` without the secrets that their shape gives away; `lowered` is `text.lower()`."""
    if "private key" in lowered:
        text = _PEM.sub(_without_key, text)
    if "private-lines:" in lowered:
        text = _PUTTY.sub(_without_secret, text)
    if "begin certificate" not in lowered:
        text = _PEM_REMNANT.sub(REDACTED, text)
    for shape in _SHAPES:
        text = shape.apply(text, lowered)
    for provider in _PROVIDERS:
        if any(anchor in text for anchor in provider.anchors):
            for pattern in _provider_patterns(provider):
                text = pattern.sub(REDACTED, text)
    return text


def _without_secret(match: re.Match[str]) -> str:
    if "secret" not in match.re.groupindex:
        return REDACTED
    start, end = match.start("secret") - match.start(), match.end("secret") - match.start()
    whole, secret = match.group(), match.group("secret")
    lead = secret[: len(secret) - len(secret.lstrip())]
    return whole[:start] + lead + REDACTED + whole[end:]


def _without_key(match: re.Match[str]) -> str:
    """A PEM block without its body. A block that was cut off ends where its lines stop looking like a key."""
    body, end = match["body"], match["end"]
    head = f"-----BEGIN {match['what']}-----"
    if end:
        return f"{head}{REDACTED}{end}"
    lines = re.split(r"(\n|\\n)", body)  # lines at even places, their separators at odd ones
    count = 0
    while count < len(lines) and _PEM_LINE.fullmatch(lines[count]):
        count += 2
    if not "".join(lines[:count:2]).strip():
        return match.group()
    return head + REDACTED + "".join(lines[count - 1 :] if count < len(lines) else [])


@cache
def _provider_patterns(provider: _Provider) -> tuple[re.Pattern[str], ...]:
    """The detector's expressions, stretched to the token's end (some stop at its shortest form)."""
    module = import_module(f"detect_secrets.plugins.{provider.module}")
    denylist: tuple[re.Pattern[str], ...] = tuple(getattr(module, provider.detector).denylist)
    return tuple(
        re.compile(rf"{_START}(?:{pattern.pattern})[A-Za-z0-9_-]*", pattern.flags)
        for pattern in denylist
        if r"[\'\"]" not in pattern.pattern  # an assignment, which is not a shape
    )
