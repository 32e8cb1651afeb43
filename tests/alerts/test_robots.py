"""What each kind of robot is sent and how its answers read. Signatures are made again by other people's code."""

import base64
import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from app.alerts import robots
from app.alerts.robots import LARGEST_WECOM, ROBOTS, Kind, Letter
from tests.channels.double import openssl

NOW = datetime(2026, 11, 21, 2, 2, 11, 345000, UTC)
SECONDS, MILLISECONDS = "1795226531", "1795226531345"
LETTER = Letter(number="42", text="【Paydesk】警告：渠道数据\n“C1”读不到", facts={"event": "opened", "count": 1})
DINGTALK, FEISHU = "Bm0jWrypfjxKzGXrroNg0aF2uPBhp28ryDHep5JP+7c=", "FNlFoMNXC3MKqC6y0gVpNb8Rtt9BQHxX6AUMp9jUt0E="
"""What the openssl command made of them once: both sides cannot be wrong together."""
ADDRESS, SECRET = "https://robot.example/send?access_token=abc", "SEC0f1e2d3c4b5a"


def signed(text: bytes, key: str) -> str:
    """By the openssl command."""
    return base64.b64encode(openssl("dgst", "-sha256", "-hmac", key, "-binary", given=text)).decode()


def written(kind: Kind, secret: str = SECRET, letter: Letter = LETTER) -> tuple[robots.Post, dict[str, object]]:
    post = ROBOTS[kind].write(letter, ADDRESS, secret, NOW)
    assert post.headers["Content-Type"] == "application/json; charset=utf-8"
    return post, json.loads(post.body)


def test_the_moments_are_these() -> None:
    assert (str(int(NOW.timestamp())), str(int(NOW.timestamp() * 1000))) == (SECONDS, MILLISECONDS)


def test_dingtalk_signs_in_the_address() -> None:
    post, said = written(Kind.DINGTALK)
    query = parse_qs(urlsplit(post.url).query, strict_parsing=True)
    sign = signed(f"{MILLISECONDS}\n{SECRET}".encode(), SECRET)
    assert query == {"access_token": ["abc"], "timestamp": [MILLISECONDS], "sign": [sign]}
    assert said == {"msgtype": "text", "text": {"content": LETTER.text}}
    assert written(Kind.DINGTALK, secret="")[0].url == ADDRESS


def test_feishu_signs_nothing_with_what_others_sign() -> None:
    post, said = written(Kind.FEISHU)
    sign = signed(b"", f"{SECONDS}\n{SECRET}")
    text = {"msg_type": "text", "content": {"text": LETTER.text}}
    assert said == text | {"timestamp": SECONDS, "sign": sign} and post.url == ADDRESS
    assert written(Kind.FEISHU, secret="")[1] == text


def test_signatures_are_what_they_were_yesterday() -> None:
    assert signed(f"{MILLISECONDS}\n{SECRET}".encode(), SECRET) == DINGTALK
    assert signed(b"", f"{SECONDS}\n{SECRET}") == FEISHU


def test_wecom_takes_no_more_than_it_takes() -> None:
    assert written(Kind.WECOM)[1] == {"msgtype": "text", "text": {"content": LETTER.text}}
    _post, said = written(Kind.WECOM, letter=Letter(number="1", text="长" * 1000, facts={}))
    assert said["text"] == {"content": "长" * (LARGEST_WECOM // 3)}, "cut between two characters"


def test_our_own_signature_is_over_the_time_and_the_very_bytes() -> None:
    post, said = written(Kind.JSON)
    assert said == {"id": "42", "text": LETTER.text, "event": "opened", "count": 1} and post.url == ADDRESS
    made = openssl("dgst", "-sha256", "-hmac", SECRET, "-r", given=f"{SECONDS}.".encode() + post.body)
    assert post.headers["X-Paydesk-Signature"] == f"v1={made.split()[0].decode()}"
    assert (post.headers["X-Paydesk-Timestamp"], post.headers["X-Paydesk-Message"]) == (SECONDS, "42")


@pytest.mark.parametrize(
    ("kind", "status", "body", "why"),
    [
        (Kind.WECOM, 200, b'{"errcode":0,"errmsg":"ok"}', None),
        (Kind.WECOM, 200, b'{"errcode":93000,"errmsg":"invalid webhook url"}', "对方答复 93000：invalid webhook url"),
        (Kind.DINGTALK, 200, b'{"errcode":0,"errmsg":"ok"}', None),
        (Kind.DINGTALK, 200, b'{"errcode":310000,"errmsg":"sign not match"}', "对方答复 310000：sign not match"),
        (Kind.FEISHU, 200, b'{"code":0,"msg":"success","data":{}}', None),
        (Kind.FEISHU, 200, b'{"StatusCode":0,"StatusMessage":"success"}', None),
        (Kind.FEISHU, 200, b'{"code":19021,"msg":"sign match fail"}', "对方答复 19021：sign match fail"),
        *((kind, 200, b"<html>ok</html>", "看不懂对方的答复") for kind in (Kind.WECOM, Kind.DINGTALK, Kind.FEISHU)),
        *(
            (Kind.WECOM, 200, body, "看不懂对方的答复")
            for body in (b"[]", b"{}", b'{"errcode":"0"}', b'{"errcode":false}')
        ),
        (Kind.WECOM, 502, b'{"errcode":0}', "对方答复 HTTP 502"),
        (Kind.JSON, 204, b"", None),
        (Kind.JSON, 200, b"whatever", None),
        (Kind.JSON, 302, b"", "对方答复 HTTP 302"),
        (Kind.JSON, 400, b"", "对方答复 HTTP 400"),
    ],
)
def test_what_an_answer_means(kind: Kind, status: int, body: bytes, why: str | None) -> None:
    assert robots.why_not(kind, status, body) == why
