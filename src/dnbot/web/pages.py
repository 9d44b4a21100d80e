"""The files that make the pages, read once: what is not in this table cannot be asked for."""

from __future__ import annotations

import hashlib
from pathlib import Path

import attrs
from starlette.requests import Request
from starlette.responses import Response

_FOLDER = Path(__file__).parent / "static"
_KINDS = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
    ".js": "text/javascript; charset=utf-8", ".txt": "text/plain; charset=utf-8",
}
SHELL, LOGIN, FLEET = "index.html", "login.html", "fleet.html"


@attrs.frozen
class File:
    """One of them."""

    body: bytes
    kind: str
    tag: str

    def answer(self, request: Request) -> Response:
        """The file, or that the browser has it already."""
        headers = {"cache-control": "no-cache", "etag": self.tag}
        if request.headers.get("if-none-match") == self.tag:
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers={**headers, "content-type": self.kind})


def read_files(folder: Path = _FOLDER) -> dict[str, File]:
    """Every file of the folder, by name."""
    found = {}
    for path in sorted(folder.iterdir()):
        body = path.read_bytes()
        found[path.name] = File(body, _KINDS[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:16]}"')
    return found


@attrs.frozen
class Pages:
    """Answers with files."""

    files: dict[str, File] = attrs.field(factory=read_files)
    frame: str = SHELL

    async def shell(self, request: Request) -> Response:
        """Every page is the same frame; its script draws what the address names."""
        return self.files[self.frame].answer(request)

    async def login(self, request: Request) -> Response:
        """Where a token is given."""
        return self.files[LOGIN].answer(request)

    async def static(self, request: Request) -> Response:
        """A file by its name; names are compared, no path is opened."""
        file = self.files.get(request.path_params["name"])
        return file.answer(request) if file is not None else Response("no such file", 404)
