"""Secrets leave, ordinary text stays. Token-like strings are put together here, so that no secret scanner takes them for real."""

import base64
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.redact import MAX_DEPTH, REDACTED, redact, redact_mapping

R = REDACTED
HEX = "0123456789abcdef"
UUID = "8a2b3c4d-1111-2222-3333-444455556666"
MIXED = "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA"
JWT = "eyJhbGciOiJIUzI1NiJ9" + "." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0" + "." + "dozjgNryP4J3jVmNHl0w5N"
KEY64 = "MIIEpAIBAAKCAQEA7v5hV1bV0m9cTn2zX3rQb4yK8sJwL6eD5fG7hI9kM0nO1pQ2"
VAULT = "\n".join("          " + "6162636465" * 8 for _ in range(4)) + "\n          3a3b3c3d"

TOKENS = {
    "anthropic": "sk-" + "ant-api03-" + MIXED + MIXED,
    "openai": "sk-" + "proj-" + MIXED + "T3Blbk" + "FJ" + MIXED,
    "openrouter": "sk-" + "or-v1-" + HEX * 4,
    "github classic": "ghp" + "_" + MIXED + "abcd",
    "github fine-grained": "github" + "_pat_" + MIXED,
    "gitlab": "glpat" + "-" + MIXED[:20],
    "gitlab runner": "glrt" + "-" + MIXED[:24],
    "slack bot": "xoxb" + "-123456789012-" + "abcdefghij",
    "aws access key": "AKIA" + "IOSFODNN7EXAMPL3",
    "jwt": JWT,
    "telegram": "123456789" + ":" + "AAH" + MIXED,
    "discord bot": "Discord " + "M" + MIXED[:23] + "." + MIXED[:6] + "." + MIXED[:27],
    "stripe": "sk" + "_live_" + MIXED * 2,
    "sendgrid": "SG" + "." + MIXED[:22] + "." + (MIXED * 2)[:43],
    "ntfy": "tk" + "_" + (HEX * 2)[:29],
    "grafana service account": "glsa" + "_" + MIXED + "_" + "deadbeef",
    "grafana api key": "eyJ" + "rIjoi" + MIXED + "==",
    "hashicorp vault": "hvs" + "." + MIXED,
    "tailscale": "tskey" + "-auth-" + MIXED,
    "docker hub": "dckr" + "_pat_" + MIXED[:27],
    "hugging face": "hf" + "_" + MIXED,
    "google": "AIza" + (MIXED * 2)[:35],
    "age": "AGE-SECRET" + "-KEY-1" + "QPZRY9X8" * 7,
    "bcrypt": "$2y" + "$10$" + MIXED + MIXED[:21],
    "apr1": "$apr1" + "$abcdefgh$" + MIXED[:22],
}


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize(
    "frame", ["{}", "2026-11-22T03:10:01Z login with {} refused", '{{"x":"{}"}}', "see {}, then go on"]
)
def test_known_tokens_leave_without_a_rest(name, frame):
    token = TOKENS[name]
    out = redact(frame.format(token))
    secret = token.removeprefix("Discord ")
    assert secret not in out
    assert secret[-8:] not in out
    assert R in out


CASES = [
    # key and value
    ("password=hunter2", f"password={R}"),
    ("db_password=hunter2 user=bob", f"db_password={R} user=bob"),
    ("POSTGRES_PASSWORD=a,b;c", f"POSTGRES_PASSWORD={R}"),
    ("PGPASSWORD='x y' psql -h db", f"PGPASSWORD='{R}' psql -h db"),
    ('DB_PASSWORD: "s3cret value" # old', f'DB_PASSWORD: "{R}" # old'),
    ("  password: correct horse battery staple", f"  password: {R}"),
    ("- mqtt_pass: abc", f"- mqtt_pass: {R}"),
    ("pass=abc", f"pass={R}"),
    ("{password: abc, user: x}", f"{{password: {R}, user: x}}"),
    ("(password=abc)", f"(password={R})"),
    ('{"password":"abc\\"d","user":"x"}', f'{{"password":"{R}","user":"x"}}'),
    ('{\\"api_key\\":\\"abc\\",\\"u\\":1}', f'{{\\"api_key\\":\\"{R}\\",\\"u\\":1}}'),
    ("{'token': 'abc'}", f"{{'token': '{R}'}}"),
    ('level=info msg="x" token=abc123,user=bob', f'level=info msg="x" token={R},user=bob'),
    ("mount -o username=bob,password=abc,vers=3.0", f"mount -o username=bob,password={R},vers=3.0"),
    ('password="abc def', f'password="{R}'),
    ("the login password: swordfish", f"the login password: {R}"),
    ("client_secret => abc", f"client_secret => {R}"),
    ("SECRET_KEY_BASE=abc", f"SECRET_KEY_BASE={R}"),
    ("AWS_SECRET_ACCESS_KEY=abc/def+g", f"AWS_SECRET_ACCESS_KEY={R}"),
    ("PrivateKey = " + "aGVsbG8gd29ybGQ" * 2 + "=", f"PrivateKey = {R}"),
    ("PresharedKey=" + "aGVsbG8gd29ybGQ" * 2 + "=", f"PresharedKey={R}"),
    ("wifi psk=abcdefgh", f"wifi psk={R}"),
    ("name: DB_PASSWORD\n  value: hunter2\nnext: 1", f"name: DB_PASSWORD\n  value: {R}\nnext: 1"),
    ('{"name":"API_TOKEN","value":"abc"}', f'{{"name":"API_TOKEN","value":"{R}"}}'),
    ("GET /api/v3/queue?apikey=" + HEX * 2 + "&page=1 HTTP/1.1", f"GET /api/v3/queue?apikey={R}&page=1 HTTP/1.1"),
    ("/library?X-Plex-Token=abc&x=1", f"/library?X-Plex-Token={R}&x=1"),
    ("X-Api-Key: " + HEX, f"X-Api-Key: {R}"),
    ("X-Gotify-Key: A1b2C3d4E5f6G7h", f"X-Gotify-Key: {R}"),
    ("machine git login bob password hunter2", f"machine git login bob password {R}"),
    ("ALTER ROLE immich WITH PASSWORD 'abc'", f"ALTER ROLE immich WITH PASSWORD '{R}'"),
    ("CREATE USER x IDENTIFIED BY 'abc';", f"CREATE USER x IDENTIFIED BY '{R}';"),
    ("requirepass abc", f"requirepass {R}"),
    # URLs
    ("https://user:pass@host:8080/path", f"https://user:{R}@host:8080/path"),
    ("postgres://u:p@ss@db/x?y=a@b.c", f"postgres://u:{R}@db/x?y=a@b.c"),
    ("redis://:abc@redis:6379/0", f"redis://:{R}@redis:6379/0"),
    ("rtsp://admin:a/b@10.0.20.31:554/main", f"rtsp://admin:{R}@10.0.20.31:554/main"),
    ("two https://a:b@c http://d:e@f", f"two https://a:{R}@c http://d:{R}@f"),
    (f"https://{HEX * 2}@git.home.lan/x", f"https://{R}@git.home.lan/x"),
    ("discord://1234/abcdef", f"discord://{R}"),
    ("https://discord.com/api/webhooks/" + "12345678/" + MIXED, f"https://discord.com/api/webhooks/12345678/{R}"),
    ("https://hc-ping.com/" + UUID, f"https://hc-ping.com/{R}"),
    ("https://api.telegram.org/bot" + TOKENS["telegram"] + "/getMe", f"https://api.telegram.org/bot{R}/getMe"),
    # command lines
    ("restic --password hunter2 --repo x", f"restic --password {R} --repo x"),
    ('["--token", "abc"]', f'["--token", "{R}"]'),
    ("mysqldump --single-transaction -h db -u root -phunter2 cloud", f"mysqldump --single-transaction -h db -u root -p{R} cloud"),
    ("curl -s -u admin:hunter2 http://x", f"curl -s -u admin:{R} http://x"),
    ("sshpass -p 'abc' ssh x", f"sshpass -p '{R}' ssh x"),
    ("redis-cli -h redis -a abc ping", f"redis-cli -h redis -a {R} ping"),
    ("docker login -u bob -p abc registry.home.lan", f"docker login -u bob -p {R} registry.home.lan"),
    # headers
    ("Authorization: Bearer abc.def", f"Authorization: Bearer {R}"),
    ('-H "Authorization: Token 0123abcd" http://x', f'-H "Authorization: Token {R}" http://x'),
    ('{"Authorization":"Bearer abcdefgh1"}', f'{{"Authorization":"Bearer {R}"}}'),
    ("authorization: Basic dXNlcjpwYXNz", f"authorization: Basic {R}"),
    ('Authorization: Digest username="bob", response="6629fae4"', f"Authorization: Digest {R}"),
    (f"Authorization: PVEAPIToken=root@pam!mon={UUID}", f"Authorization: PVEAPIToken=root@pam!mon={R}"),
    (f"PBSAPIToken=root@pbs!mon:{UUID}", f"PBSAPIToken=root@pbs!mon:{R}"),
    (f"user root@pam!mon={UUID} ok", f"user root@pam!mon={R} ok"),
    ("Cookie: session=abc; theme=dark", f"Cookie: {R}"),
    ("set-cookie: sid=abc; Path=/; HttpOnly", f"set-cookie: {R}"),
    ("sent Bearer abcdefgh12345678 ok", f"sent Bearer {R} ok"),
    ('"auth": "' + base64.b64encode(b"user:pass").decode() + '"', f'"auth": "{R}"'),
    # blocks
    (f"a\n-----BEGIN RSA PRIVATE KEY-----\n{KEY64}\n{KEY64}\n-----END RSA PRIVATE KEY-----\nb",
     f"a\n-----BEGIN RSA PRIVATE KEY-----{R}-----END RSA PRIVATE KEY-----\nb"),
    (f"key: '-----BEGIN PRIVATE KEY-----\\n{KEY64}\\n-----END PRIVATE KEY-----\\n'",
     f"key: '-----BEGIN PRIVATE KEY-----{R}-----END PRIVATE KEY-----\\n'"),
    (f"-----BEGIN OPENSSH PRIVATE KEY-----\n{KEY64}\n{KEY64}\nSun 03:10 next entry",
     f"-----BEGIN OPENSSH PRIVATE KEY-----{R}\nSun 03:10 next entry"),
    (f"Private-Lines: 2\n{KEY64}\n{KEY64}\nPrivate-MAC: 12", f"Private-Lines: 2\n{R}\nPrivate-MAC: 12"),
    (f"pw: !vault |\n          $ANSIBLE_VAULT;1.1;AES256\n{VAULT}\nnext: added",
     f"pw: !vault |\n          $ANSIBLE_VAULT;1.1;AES256\n          {R}\nnext: added"),
    ("tls.key: " + base64.b64encode(b"-----BEGIN RSA PRIVATE KEY-----" + KEY64.encode()).decode(), f"tls.key: {R}"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text[:30] for text, _ in CASES])
def test_a_secret_leaves_and_its_surroundings_stay(text, expected):
    assert redact(text) == expected


ORDINARY = [
    'rate(node_cpu_seconds_total{mode="idle"}[5m])',
    'sum by (token) (rate(container_label_token_x{token=~"a.*",a!="b"}[5m])) > 0',
    'histogram_quantile(0.99, sum by (le) (rate(oauth_token_requests_total{job="api"}[5m])))',
    'node_filesystem_avail_bytes{device="nas.home.lan:/tank/media",fstype="nfs4",mountpoint="/mnt/media"}',
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "image: ghcr.io/immich-app/immich-server@sha256:" + HEX * 4,
    "container 4f5e6d7c8b9a restarted",
    f"boot id {UUID}",
    "10.0.20.14:9100 and [fd00::14]:9100 and 0a:1b:2c:3d:4e:5f",
    "/var/lib/docker/overlay2/" + HEX * 4 + "/merged/etc/passwd",
    "The token bucket is empty; 3 tokens left",
    "password prompt failed",
    "authentication failed for user bob",
    'FATAL: password authentication failed for user "nextcloud"',
    "failed to parse token: premature end of input",
    "invalid token: unexpected EOF",
    "invalid token: expired",
    "Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
    "Bearer authentication failed",
    "Basic authentication required",
    'WWW-Authenticate: Basic realm="Restricted"',
    "Authorization: required",
    "sudo: bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/bin/ls",
    "PASS: 12 tests",
    "%sudo ALL=(root) NOPASSWD: /bin/systemctl restart jellyfin",
    "passwd: files systemd",
    "a leak identified by valgrind",
    "PWD: '/home/bob'",
    'export API_KEY="sk-..."',
    "max_tokens=4096 input_tokens: 12 token_count=3",
    "password_file=/run/x tokenizer=fast secretName: tls",
    "password: ${DB_PASSWORD}",
    "password: {{ vault_db_password }}",
    "password: !vault |",
    "password=",
    "secret: true",
    "api_key: null",
    "password: ********",
    "tool --token to authenticate",
    "mysql -u root -p nextcloud",
    "proxy_pass http://127.0.0.1:8080;",
    "http://jellyfin:8096/@me and http://a:9090/x?u=me@host",
    "ssh://git@git.home.lan:2222/ops/homelab.git",
    "mail to ops@home.lan",
    "peer: " + "aGVsbG8gd29ybGQ" * 2 + "= allowed ips: 10.8.0.2/32",
    "SHA256:" + MIXED + "abcdefghijk (ED25519)",
    "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBa\n-----END CERTIFICATE-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH" + MIXED + " bob@laptop",
    "UPID:pve1:0001F2A4:0B5E1C2D:65FE1A2B:vzdump:104:root@pam:",
    "qemu/104 media running, 85 % of 8.0 GiB",
    "Asia/Tokyo, en-us, disk-by-uuid, task-20251122, risk-assessment-for-2026-and-later",
    "cookie: invalid",
    "Set the key: see runbook",
    "",
]


@pytest.mark.parametrize("text", ORDINARY, ids=[text[:30] for text in ORDINARY])
def test_ordinary_text_is_untouched(text):
    assert redact(text) == text


FRAGMENTS = st.sampled_from(
    [text for text, _ in CASES]
    + list(TOKENS.values())
    + [
        "password",
        "token",
        "=",
        ": ",
        ":",
        '"',
        "'",
        "\\",
        '\\"',
        ",",
        ";",
        "}",
        "]",
        "@",
        "://",
        " ",
        "\n",
        "-",
        "--",
        R,
        "Bearer ",
        "a1",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(FRAGMENTS, max_size=6).map("".join))
@example("password='a''b'")
def test_twice_is_once(text):
    once = redact(text)
    assert redact(once) == once


def test_secrets_without_anything_between_them_are_all_gone() -> None:
    """Each comes to light only when the one before has left; what never settles is replaced whole."""
    key = "SG" + "." + "aB3dE6gH9jK2mN5pQ8rS1t" + "." + "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zAaB3dE6gH9jK"
    for count in (2, 6, 40):
        assert "aB3dE6" not in redact(key * count)
        assert redact(redact(key * count)) == redact(key * count)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_can_be_redacted(text):
    once = redact(text)
    assert redact(once) == once


@given(st.text(alphabet=st.characters(whitelist_categories=("Lu", "Ll", "Nd")), min_size=6, max_size=40))
def test_no_password_survives_its_key(value):
    secret = "Zq7" + value
    for frame in ("password={} x", 'password: "{}"', "https://u:{}@h/", '{{"token": "{}"}}', "--api-key {}"):
        assert secret not in redact(frame.format(secret))


def test_mapping_is_aware_of_keys():
    given_ = {
        "user": "bob",
        "password": "a b c",
        "Authorization": "whatever",
        "api_key": 1234,
        "secret": {"nested": "x"},
        "tokens": 12,
        "credentials": ["a"],
        "env": [{"name": "DB_PASSWORD", "value": "x"}, {"name": "TZ", "value": "UTC"}],
        "argv": ["tool", "--password", "x", "--host", "db"],
        "log": "token=abc",
        "labels": {"instance": "media:9100", "value": 0.97},
        "empty": {"password": "", "token": None, "secret": True, "psk": "${PSK}"},
        1: ("password=x", 2),
    }
    assert redact_mapping(given_) == {
        "user": "bob",
        "password": R,
        "Authorization": R,
        "api_key": R,
        "secret": R,
        "tokens": 12,
        "credentials": R,
        "env": [{"name": "DB_PASSWORD", "value": R}, {"name": "TZ", "value": "UTC"}],
        "argv": ["tool", "--password", R, "--host", "db"],
        "log": f"token={R}",
        "labels": {"instance": "media:9100", "value": 0.97},
        "empty": {"password": "", "token": None, "secret": True, "psk": "${PSK}"},
        1: (f"password={R}", 2),
    }
    assert given_["password"] == "a b c", "what was given is not changed"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["password=x", "--token"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["name", "value", "password", "tokens", "a"]) | st.text(max_size=5), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_mapping_twice_is_once(obj):
    once = redact_mapping(obj)
    assert redact_mapping(once) == once


def test_endless_nesting_ends():
    deep = leaf = []
    for _ in range(MAX_DEPTH * 20):
        leaf.append([])
        leaf = leaf[0]
    leaf.append("password=x")
    out = str(redact_mapping(deep))
    assert R in out
    assert "password" not in out


HOSTILE = [
    'password="', "password='", 'password=\\"', "password: ", "token", "--", "-", "http://", "https://a", "://x:", "a:", ":", "eyJ.",
    "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN ", "$", "$ANSIBLE_VAULT;1.1;AES256\n", "mysql -u x ", "curl -u ", "name: password ",
    "1234567890:", "@!", 'authorization: a="",', "cookie: a=", "password=,,,,", "Private-Lines: 1\nabcd ", "sk-a", "a@b!", "\\", "PVE:a:",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_repetition_ends(unit):
    """Were an expression quadratic, this would run into the suite's timeout."""
    out = redact(unit * (400_000 // len(unit)) + "\npassword=hunter2")
    assert "hunter2" not in out


def test_ordinary_text_does_not_load_the_detectors():
    """They take a quarter of a second to import."""
    code = (
        "import sys; from core.redact import redact; redact('token=abc msg. global sg. Asia/Tokyo en-us xo');"
        " print('detect_secrets' in sys.modules); redact('ghp_x'); print('detect_secrets' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "True"]
