"""The main job through HTTP, as a browser without JavaScript does it: `python -m tests.smoke URL DATA_DIR`.

Two people, one withdrawal: claim → bind → create → approve → 成功, then the ledger's entries. Ends with 1 and a sentence
where something is not as it should be.
"""

import json
import random
import re
import sys
import time
from html import unescape
from pathlib import Path

import requests
from stdnum import luhn

PATIENCE_S = 60


class Person:
    """A browser of one person: forms are read from the page and sent back as they are, like a person would."""

    def __init__(self, base: str, username: str, password: str) -> None:
        self.base, self.http = base, requests.Session()
        self.http.trust_env = False
        page = self.submit("/login", "/login", username=username, password=password)
        expect(page.url.endswith("/"), f"{username} could not sign in: {page.url} {text(page)[:300]}")

    def get(self, path: str) -> requests.Response:
        page = self.http.get(self.base + path, timeout=30)
        expect(page.status_code == 200, f"GET {path} answered {page.status_code}")
        return page

    def submit(self, path: str, action: str, **values: str) -> requests.Response:
        """Fill in the form with this action on this page and send it."""
        return self.send(self.get(path), action, **values)

    def send(self, page: requests.Response, action: str, **values: str) -> requests.Response:
        for attributes, body in re.findall(r"<form([^>]*)>(.*?)</form>", page.text, re.S):
            if 'method="post"' in attributes and f'action="{action}"' in unescape(attributes):
                tags = [it for it in re.findall(r"<input[^>]*>", body) if 'type="radio"' not in it or " checked" in it]
                fields = {attribute(tag, "name"): attribute(tag, "value") for tag in tags if attribute(tag, "name")}
                answer = self.http.post(self.base + action, data={**fields, **values}, timeout=30)
                expect(answer.status_code == 200, f"POST {action} answered {answer.status_code}: {text(answer)[:400]}")
                return answer
        raise SystemExit(f"no form with action {action} on {page.url}: {text(page)[:400]}")

    def wait_for(self, path: str, word: str) -> requests.Response:
        deadline = time.monotonic() + PATIENCE_S
        while word not in (page := self.get(path)).text:
            expect(time.monotonic() < deadline, f"{path} did not come to say {word}: {text(page)[:600]}")
            time.sleep(0.3)
        return page


def a_card() -> str:
    """A number that passes Luhn and that the sandbox binds (it refuses some endings)."""
    while True:
        body = "622202" + "".join(str(random.randrange(10)) for _ in range(12))
        number = body + luhn.calc_check_digit(body)
        if number[-2:] > "10":
            return number


def attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return unescape(found.group(1)) if found else ""


def text(page: requests.Response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text.partition("<main")[2] or page.text))


def expect(held: bool, otherwise: str) -> None:
    if not held:
        raise SystemExit(f"smoke: {otherwise}")


def main(base: str, data_dir: str) -> None:
    people = {it["username"]: it["password"] for it in json.loads((Path(data_dir) / "demo-accounts.json").read_text())}
    maker = Person(base, "wangfang", people["wangfang"])
    checker = Person(base, "zhangwei", people["zhangwei"])
    account = "C880100231"
    if f"/channels/{account}/claim" in maker.get("/").text:  # a second walk finds it claimed already
        maker.submit("/", f"/channels/{account}/claim")
    bound = maker.submit(
        f"/cards/new?account={account}", "/cards/", c_number=a_card(), c_holder="陈志强", c_bank="中国工商银行"
    )
    card = bound.url.rsplit("/", 1)[1]
    maker.wait_for(f"/cards/{card}", "已绑定")
    check = maker.submit(
        f"/withdrawals/new?account={account}&card={card}", "/withdrawals/check", card=card, amount="100.00"
    )
    made = maker.send(check, "/withdrawals/")
    number = made.url.rsplit("/", 1)[1]
    checker.submit(f"/withdrawals/{number}", f"/withdrawals/{number}/approve")
    maker.wait_for(f"/withdrawals/{number}", ">成功<")
    entries = maker.get(f"/ledger/about/{number}")
    expect("100.00" in re.sub(r"<[^>]+>", "", entries.text), "the ledger's entries do not show the amount")
    expect(number in maker.get("/withdrawals/").text, "the list does not show the withdrawal")
    sys.stdout.write(f"smoke: {number} was made by wangfang, approved by zhangwei and paid\n")


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), sys.argv[2])
