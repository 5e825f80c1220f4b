"""Secrets that are recognised by what stands before them: a name and `=`, a header, a flag, the user part of a URL.

Every expression is written so that its cost is linear in the text: repetitions are bounded or possessive, and none starts with
an open-ended scan. A rule is tried only when the lower-cased text holds one of its anchors.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from core.secret_shapes import REDACTED

_NAME = (
    r"(?:(?<!no)pass(?:word|wd|phrase|code|wort|key)|(?<![A-Za-z])(?:pwd|psk|otp|totp)"
    r"|(?<=[_.-])pass|(?<![A-Za-z])(?:(?-i:pass)|pass(?=\\*[\"'\]]|[ \t]{0,4}=))"
    r"|secret(?:[_-]?(?:access[_-]?)?key(?:[_-]?base)?)?|token|credential"
    r"|(?:api|access|auth|private|pre-?shared|preshared|encryption|signing|session|master|account|app|recovery|hmac|gotify)"
    r"[_-]?key|amz-signature|authcookie|(?:php|j)sessid)"
    r"(?:[_-]?(?:hash|value|base64|b64|[0-9]{1,2}))?"
)
"""How the name of a secret ends. Matching only its end spares a scan for where the name starts.

`PASS: 12 tests` is a test report."""
_ANCHORS = (
    "pass", "pwd", "psk", "otp", "secret", "token", "credential", "key", "amz-signature", "authcookie", "sessid",
)  # fmt: skip
_NOT_YET = r"(?!(?:\\*[\"'])?\[redacted\])"
_VALUE = (
    r"(?:\"(?P<double>(?:[^\"\\\n]|\\.)*)\""
    r"|'(?P<single>(?:[^'\\\n]|\\.|''(?=\w))*)'"
    r"|(?P<mark>\\+[\"'])(?P<escaped>[^\"'\n]*?)\\+[\"']"
    r"|(?P<open>[\"'])(?P<rest>[^\"'\n]+)$"
    # Brackets and separators belong to a bare value unless what follows shows that they end it.
    r"|(?P<bare>(?!~[\"'])(?:\[redacted\]|[^\s\"'`<>,;&)}\]\\]|\\(?![\"'nrt])|[,;&)}\]](?![\s,;:)}\]\\.\"']|$|[\w.-]{1,40}=))+))"
)
_PAIR = re.compile(
    rf"(?P<name>{_NAME})(?P<mid>(?:\\*[\"'])?\]?[ \t]{{0,20}}(?:=>|:=|=(?!=)|:(?![/:])))(?P<gap>[ \t]{{0,20}}){_NOT_YET}{_VALUE}",
    re.IGNORECASE | re.MULTILINE,
)
_YAML = re.compile(
    rf"^(?P<head>[ \t]*(?:- )?(?:[\w.-]{{0,60}}?)(?:{_NAME}):[ \t]{{1,20}})(?P<line>[^\s\"'|>&*{{\[!][^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_FLAG = re.compile(
    rf"(?P<head>(?<![\w-])--[a-z0-9-]{{0,40}}?(?:{_NAME})(?:[ \t]{{1,8}}|[\"'],\s{{0,8}}(?=[\"'])))(?!-){_NOT_YET}{_VALUE}",
    re.IGNORECASE | re.MULTILINE,
)
_NAME_VALUE = re.compile(
    rf"(?P<head>\b(?:name|key)[\"']?[ ]{{0,4}}[:=][ ]{{0,4}}[\"']?[\w.-]{{0,60}}?(?:{_NAME})"
    rf"[\"']?[\s,]{{1,40}}[\"']?value[\"']?[ ]{{0,4}}[:=][ ]{{0,4}}){_NOT_YET}{_VALUE}",
    re.IGNORECASE | re.MULTILINE,
)
_WORDED = re.compile(  # SQL, netrc, redis.conf
    rf"(?P<head>\b(?:identified by(?=\s+['\"])|password(?=\s+['\"])|login\s{{1,4}}\S{{1,80}}\s{{1,4}}password|requirepass|masterauth)\s{{1,8}})"
    rf"{_NOT_YET}{_VALUE}",
    re.IGNORECASE | re.MULTILINE,
)
_COMMAND = re.compile(
    r"(?P<head>\b(?:sshpass\s{1,4}-p\s{0,4}[\"']?|(?:mysql|mariadb)\w{0,10}(?:\s+-(?!p)\S{1,60}|\s+[\w.]{1,60}){0,8}?\s+-p"
    r"|redis-cli(?:\s+-(?!a)\S{1,60}|\s+[\w.]{1,60}){0,8}?\s+-a\s{1,4}|mosquitto_[ps]ub(?:\s+\S{1,60}){0,12}?\s+-P\s{1,4}"
    r"|(?:docker|podman)\s+login(?:\s+\S{1,60}){0,6}?\s+-p\s{1,4}"
    r"|(?:curl|wget)(?:\s+\S{1,200}){0,12}?\s+(?:-u|--user)\s{0,4}[\"']?[^\s:\"']{1,60}:"
    rf"|smbclient(?:\s+\S{{1,60}}){{0,8}}?\s+-U\s{{0,4}}[^\s%]{{1,60}}%)){_NOT_YET}(?P<value>[^\s\"'|;]+)"
)
_URL = re.compile(
    r"(?P<head>://[^\s:/?#@\"'<>]{0,128}+:)"
    r"(?P<value>[^\s/\"'<>?#@]{1,256}+(?:@[^\s/\"'<>?#@]{1,256}+(?=@))*|(?!\d{1,5}[/?#])[^\s\"'<>@]{1,256}+)(?=@)"
)
_URL_USER = re.compile(r"(?P<head>://)(?P<value>[A-Za-z0-9_-]{32,256}+)(?=@)")
_HEADER = re.compile(
    r"(?P<head>\b(?:proxy-)?authorization(?:\\*[\"'])?\s{0,4}[:=]\s{0,4}(?:\\*[\"'])?)"
    r"(?P<scheme>(?:bearer|basic|token|digest|negotiate|apikey|bot|mediabrowser|aws4-hmac-sha256)[ ]{1,4}"
    r"|P[BV][SE]APIToken=(?:[\w.-]{1,64}@[\w.-]{1,64}![\w.-]{1,64}[=:])?+)?+"
    rf"{_NOT_YET}(?P<value>[^\s\"'\\]+(?:(?<==)\"[^\"\n]*\",?[^\n\"'\\]*)*)",
    re.IGNORECASE,
)
_COOKIE = re.compile(
    r"(?P<head>\b(?:set-)?cookie2?(?:\\*[\"'])?\s{0,4}[:=]\s{0,4}(?:\\*[\"'])?)(?!\[redacted\])(?P<value>[^\s=;\"'\\]{1,80}=[^\n\"'\\]*)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?P<head>\bbearer[ ]{1,4})(?P<value>[A-Za-z0-9._~+/=-]{8,})", re.IGNORECASE)
_BASIC = re.compile(
    r"(?P<head>\bbasic[ ]{1,4}|\bauth\\*[\"']\s{0,4}:\s{0,4}\\*[\"'])(?P<value>[A-Za-z0-9+/]{6,}={0,2})", re.IGNORECASE
)

_NOTHING = frozenset(
    ("", "true", "false", "null", "none", "nil", "undefined", "empty", "yes", "no", "on", "off", "!vault")
)
_SAID = (
    "a an and are as at auth authentication be been bucket by can cannot changed check could denied disabled does enabled"
    " error eof exchange expired expires failed failure file files for from generated has if in incorrect input invalid is issued it"
    " its latest length limit malformed mismatch missing must not of ok only optional or parse prompt refresh refreshed"
    " rejected required reset revoked rotated set should string the to type unauthorized unexpected unknown unset unsupported"
    " updated valid validation was which will with without wrong"
)
_PROSE = _NOTHING | frozenset(_SAID.split())
"""What follows a colon in a sentence about a token or a password."""

_DONE = re.compile(r"[\w.@!-]{1,200}[=:]\[redacted\]")
"""`PVEAPIToken=USER@REALM!ID=[redacted]`: who it is may stay."""
_PLACEHOLDER = re.compile(
    r"\$\{?[A-Z_][A-Z0-9_]*\}?|\$\{[^}]*\}.*|\$\(.*|\{\{.*|%\(?\w+\)?s?|<[^>]*>?|\*+|[xX]{3,}|\.\.\.|…|\|-?|>-?|/run/secrets/\S+"
    r"|[\w-]{0,12}\.\.\."
)


def redact_pairs(text: str, lowered: str) -> str:
    """`text` without the values that a secret's name announces; `lowered` is `text.lower()`."""
    for anchors, pattern, rewrite in _RULES:
        if any(anchor in lowered for anchor in anchors):
            text = pattern.sub(rewrite, text)
    if any(anchor in lowered for anchor in _ANCHORS):
        lines = text.split("\n")
        for place, line in enumerate(text.lower().split("\n")):
            if any(anchor in line for anchor in _ANCHORS):
                lines[place] = _PAIR.sub(_rewrite_pair, _YAML.sub(_rewrite_line, lines[place]))
        text = "\n".join(lines)
    return text


_SECRET_KEY = re.compile(rf"[\w .-]*?(?:{_NAME}|pass|(?:proxy-)?authorization|(?:set-)?cookie)s?", re.IGNORECASE)


def names_a_secret(key: str) -> bool:
    """Whether what stands under this key of a mapping is a secret, or several."""
    return len(key) <= 200 and _SECRET_KEY.fullmatch(key) is not None


def is_placeholder(value: str) -> bool:
    """Nothing, or a reference to a secret that stands elsewhere: `${DB_PASSWORD}`, `{{ vault_password }}`."""
    return value.lower() in _NOTHING or _PLACEHOLDER.fullmatch(value) is not None


def _rewrite_pair(match: re.Match[str]) -> str:
    bare = match["bare"]
    if match["name"].lower() == "pwd" and (bare or match["double"] or match["single"] or "").startswith("/"):
        return match.group()  # the working directory
    if bare is None:
        return _rewrite_value(match)
    if is_placeholder(bare) or bare.startswith(("{{", "${", "$(")) or bare.lower().strip(".,;:!?") in _PROSE:
        return match.group()
    if _DONE.fullmatch(bare):
        return match.group()
    if match["gap"] and match["mid"].endswith(":") and _is_prose(match, bare):
        return match.group()
    return _rewrite_value(match)


def _is_prose(match: re.Match[str], word: str) -> bool:
    """A plain word followed by another word, inside a sentence: "failed to parse token: premature end"."""
    following = match.string[match.end() : match.end() + 2]
    return word.isalpha() and word[1:].islower() and following[:1] == " " and following[1:].isalpha()


def _rewrite_value(match: re.Match[str]) -> str:
    """Replaces whichever form of `_VALUE` matched, inside its quotes."""
    groups = match.groupdict()
    for form in ("double", "single", "escaped", "rest", "bare"):
        value = groups[form]
        if value is None:
            continue
        if is_placeholder(value) or value == REDACTED or (form == "bare" and value.lower().strip(".,;:") in _PROSE):
            return match.group()
        start, end = match.start(form) - match.start(), match.end(form) - match.start()
        return match.group()[:start] + REDACTED + match.group()[end:]
    return match.group()


def _rewrite_line(match: re.Match[str]) -> str:
    """A YAML scalar: the rest of the line, for a passphrase may hold spaces."""
    line = match["line"]
    first = line.split(maxsplit=1)[0]
    if line.startswith(REDACTED) or is_placeholder(first) or first.startswith(("{{", "${", "$(")):
        return match.group()
    if first.lower().strip(".,;:!?") in _PROSE:
        return match.group()
    return match["head"] + REDACTED


def _rewrite_header(match: re.Match[str]) -> str:
    value, scheme = match["value"], match["scheme"]
    if not scheme and (is_placeholder(value) or value.lower().strip(".,;:") in _PROSE):
        return match.group()
    return match["head"] + (scheme or "") + REDACTED


def _rewrite_bearer(match: re.Match[str]) -> str:
    value = match["value"]
    if value.strip(".,:").replace("-", "").isalpha() and value[1:].islower() and len(value) < 24:
        return match.group()
    return match["head"] + REDACTED


def _rewrite_basic(match: re.Match[str]) -> str:
    value = match["value"]
    try:
        decoded = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return match.group()
    return match["head"] + REDACTED if ":" in decoded and decoded.isprintable() else match.group()


def _rewrite_after_head(match: re.Match[str]) -> str:
    return match.group() if is_placeholder(match["value"]) else match["head"] + REDACTED


_RULES: tuple[tuple[tuple[str, ...], re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (("authorization",), _HEADER, _rewrite_header),
    (("cookie",), _COOKIE, _rewrite_after_head),
    (("bearer ",), _BEARER, _rewrite_bearer),
    (("basic ", 'auth"', "auth\\", "auth'"), _BASIC, _rewrite_basic),
    (("://",), _URL, _rewrite_after_head),
    (("://",), _URL_USER, _rewrite_after_head),
    (("--",), _FLAG, _rewrite_value),
    (("value",), _NAME_VALUE, _rewrite_value),
    (("password", "identified by", "requirepass", "masterauth"), _WORDED, _rewrite_value),
    (
        ("sshpass", "mysql", "mariadb", "redis-cli", "mosquitto_", " login", "curl", "wget", "smbclient"),
        _COMMAND,
        _rewrite_after_head,
    ),
)
