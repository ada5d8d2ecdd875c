"""Secrets in the last lines of a crashed container are never kept; all else is, word for word."""

import time

import pytest

from metrics.masking import MASK, masked

SECRET = "hunter2-Zq7"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.dBjftJeZ4CVPmB92K27uhbUJU1p1r"
KEY = [
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "b3BlbnNzaC1rZXktdjEA",
    "AAAABG5vbmUAAAAE",
    "-----END OPENSSH PRIVATE KEY-----",
]


def one(line: str) -> str:
    [found] = masked([line])
    return found


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("DB_PASSWORD={}", f"DB_PASSWORD={MASK}"),
        ("export AWS_SECRET_ACCESS_KEY='{}'", f"export AWS_SECRET_ACCESS_KEY={MASK}"),
        ('POSTGRES_PASSWORD="{} with spaces"', f"POSTGRES_PASSWORD={MASK}"),
        ('password="{} that was cut o', f"password={MASK}"),
        ("api-key: {}", f"api-key: {MASK}"),
        ("apikey = {}; retries = 3", f"apikey = {MASK}; retries = 3"),
        ("redis.auth={}", f"redis.auth={MASK}"),
        ("passwd:{}", f"passwd:{MASK}"),
        ("ssh_passphrase: {}", f"ssh_passphrase: {MASK}"),
        ("password=b'{}'", f"password={MASK}"),
        (':secret=>"{}"', f":secret=>{MASK}"),
        ('{{"user": "bob", "password": "{}"}}', f'{{"user": "bob", "password": {MASK}}}'),
        ("{{'client_secret': '{}', 'n': 1}}", f"{{'client_secret': {MASK}, 'n': 1}}"),
        ('{{"password":"a\\"{}\\"b","n":1}}', f'{{"password":{MASK},"n":1}}'),
        ('{{"msg":"{{\\"password\\":\\"{}\\"}}"}}', f'{{"msg":"{{\\"password\\":{MASK}}}"}}'),
        ("GET /cb?token={}&page=2", f"GET /cb?token={MASK}&page=2"),
        ("dsn=https://{}@sentry.example/4", f"dsn={MASK}"),
        ("postgres://shop:{}@db:5432/shop", f"postgres://shop:{MASK}@db:5432/shop"),
        ("amqp://shop:p@ss{}@mq/", f"amqp://shop:{MASK}@mq/"),
        ("redis://:{}@cache:6379/0", f"redis://:{MASK}@cache:6379/0"),
        ('["redis://:{}@cache","bob@example.org"]', f'["redis://:{MASK}@cache","bob@example.org"]'),
        ("Authorization: Bearer {}", f"Authorization: Bearer {MASK}"),
        ("authorization: Basic {}", f"authorization: Basic {MASK}"),
        ('-H "Authorization: Bearer {}"', f'-H "Authorization: Bearer {MASK}"'),
        ("sent bearer {} upstream", f"sent bearer {MASK} upstream"),
        ("X-Auth-Token: {}", f"X-Auth-Token: {MASK}"),
        ("Cookie: {}; theme=dark", f"Cookie: {MASK}; theme=dark"),
        ("session_id={}", f"session_id={MASK}"),
        ("mysqld --user shop --password {} --port 1", f"mysqld --user shop --password {MASK} --port 1"),
        ("curl --token '{} x' http://h/", f"curl --token {MASK} http://h/"),
        ("<db><password>{}</password></db>", f"<db><password>{MASK}</password></db>"),
    ],
)
def test_what_a_telling_name_stands_before_is_masked(line: str, kept: str) -> None:
    assert one(line.format(SECRET)) == kept


@pytest.mark.parametrize(
    "token",
    [
        JWT,
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        "ghp_" + "a1B2" * 9,
        "github_pat_11ABCDEFG0" + "x" * 30,
        "glpat-" + "a1B2" * 5,
        "xoxb-123456789012-abcdefGHIJ",
        "sk-proj-" + "a1B2" * 8,
        "sk_live_" + "a1B2" * 6,
        "tomo_7_" + "a1B2" * 11,
    ],
)
def test_a_token_of_a_well_known_sort_is_masked_wherever_it_stands(token: str) -> None:
    assert one(f"calling upstream with {token} now") == f"calling upstream with {MASK} now"
    assert one(f'["{token}"]') == f'["{MASK}"]'


def test_a_private_key_is_masked_with_all_its_lines() -> None:
    assert masked(["before", *KEY, "after"]) == ["before", *[MASK] * 4, "after"]


def test_a_private_key_on_one_line_ends_there() -> None:
    assert masked([r'"key": "' + r"\n".join(KEY), "after"]) == [MASK, "after"]


def test_a_private_key_is_masked_though_its_begin_is_above_the_first_line() -> None:
    assert masked([*KEY[1:], "after"]) == [*[MASK] * 3, "after"]


def test_a_private_key_is_masked_though_its_end_never_comes() -> None:
    assert masked(["before", *KEY[:3]]) == ["before", *[MASK] * 3]


def test_two_private_keys_leave_what_is_between_them() -> None:
    assert masked([*KEY, "between", *KEY]) == [*[MASK] * 4, "between", *[MASK] * 4]


def test_a_line_with_several_secrets_keeps_none() -> None:
    line = one(f"PASSWORD={SECRET} url=ftp://a:{SECRET}@h token: {SECRET} {JWT}")
    assert SECRET not in line
    assert JWT not in line


@pytest.mark.parametrize(
    "line",
    [
        "author: bob",
        "Author = Bob <bob@example.org>",
        "passenger count: 12",
        "authentication failed: wrong user",
        'FATAL: password authentication failed for user "shop"',
        "the token has expired",
        "listening on http://0.0.0.0:8080/",
        "connecting to postgres://db:5432/shop",
        "mail from bob@example.org: queued",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "Traceback (most recent call last):",
        '  File "/app/auth.py", line 31, in sign_in',
        "    raise PermissionError(user)",
        "    at signIn (/app/src/token.js:12:30)",
        "    at com.example.auth.TokenFilter.doFilter(TokenFilter.java:42)",
        "main.go:17 +0x1d panic: runtime error: index out of range [3]",
        "goroutine 1 [running]: /src/secret.go:9",
        "com.example.InvalidTokenException: expired at 12:00:01",
        "SyntaxError: Unexpected token } in JSON at position 2",
        "took 12:30:01.5 and 3 retries; exit=1",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "",
    ],
)
def test_a_line_without_a_secret_stays_as_it_is(line: str) -> None:
    assert one(line) == line


@pytest.mark.parametrize(
    "line",
    [
        "a" * 500,
        "token" * 100,
        "pass" * 125,
        "secret-" * 71,
        "a." * 250,
        "session_id_" * 45,
        'token\\"' * 71,
        "token" + " " * 490,
        "token=" + '"' * 490,
        'pwd="' + "\\" * 490,
        "http://" * 71,
        "a://b:" * 83,
        "a://b:" + "@" * 490,
        "eyJ" + "a-" * 248,
        "--password" * 50,
        "--pass" + " " * 490,
        "<" + "pass" * 124,
        "-----BEGIN " * 45,
    ],
)
def test_no_line_takes_long_whatever_a_program_makes_up(line: str) -> None:
    started = time.process_time()
    masked([line] * 50)
    assert time.process_time() - started < 1.0
