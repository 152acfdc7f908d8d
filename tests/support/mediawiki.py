"""A client of MediaWiki's API, with cookies."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from support.client import Response

PASSWORD = "correct horse battery staple"  # the guide's
BOUNDARY = "a-boundary-of-this-test"


class MediaWiki:
    """`scripts`: the path of its programs."""

    def __init__(self, server, scripts: str):
        self.server, self.scripts, self.cookies = server, scripts, {}

    def request(self, method: str, target: str, body: bytes = b"",
                content_type: str = "application/x-www-form-urlencoded") -> Response:
        fields = [("Cookie", "; ".join(f"{n}={v}" for n, v in self.cookies.items()))]
        if body:
            fields.append(("Content-Type", content_type))
        answer = self.server.request(method, target, fields, body)
        for cookie in answer.all("Set-Cookie"):
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def ask(self, body: bytes, content_type: str) -> dict:
        answer = self.request("POST", f"{self.scripts}/api.php", body, content_type)
        assert answer.status == 200 and answer.complete, answer
        return json.loads(answer.body)

    def api(self, **arguments: str) -> dict:
        form = urlencode({"format": "json", "formatversion": 2, **arguments})
        return self.ask(form.encode(), "application/x-www-form-urlencoded")

    def token(self, kind: str) -> str:
        return self.api(action="query", meta="tokens", type=kind)["query"]["tokens"][f"{kind}token"]

    def log_in(self) -> None:
        done = self.api(action="login", lgname="Admin", lgpassword=PASSWORD,
                        lgtoken=self.token("login"))
        assert done["login"]["result"] == "Success", done

    def upload(self, name: str, content: bytes) -> dict:
        """As a form with a file, which PHP itself writes to a temporary one."""
        parts = {"action": "upload", "format": "json", "formatversion": "2", "filename": name,
                 "token": self.token("csrf")}
        body = b"".join(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in parts.items())
        body += (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
                 "Content-Type: application/octet-stream\r\n\r\n").encode()
        body += content + f"\r\n--{BOUNDARY}--\r\n".encode()
        return self.ask(body, f"multipart/form-data; boundary={BOUNDARY}")["upload"]
