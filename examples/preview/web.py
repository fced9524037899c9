# SPDX-License-Identifier: Apache-2.0
"""The notebook's page. GET / is for people; GET /notes, POST /notes {"text"} and GET /health for programs. Its database is
the one of DATABASE_URL, which it asks by psql, so that nothing has to be installed."""

import html
import json
import os
import pathlib
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>{title}</title>
<style>body {{ font: 1rem/1.5 system-ui; max-width: 40rem; margin: 2rem auto }} small {{ color: gray }} input {{ width: 100% }}</style>
<h1>{title}</h1>
<ul>{notes}</ul>
<form method="post" action="/"><input name="text" placeholder="a note" maxlength="500" required autofocus></form>
<p><small>database {database}, port {port}</small></p>
"""


def connection():
    """DATABASE_URL as variables for psql: among its arguments everyone could read the password."""
    url = urlsplit(os.environ["DATABASE_URL"])
    more = dict(parse_qsl(url.query))
    said = {"PGHOST": more.get("host") or url.hostname, "PGPORT": more.get("port") or url.port, "PGUSER": unquote(url.username or ""),
            "PGPASSWORD": unquote(url.password or ""), "PGDATABASE": unquote(url.path[1:]), "PGCONNECT_TIMEOUT": 5}
    return {name: str(value) for name, value in said.items() if value}


def ask(sql, **values):
    """What psql says to `sql`; :'name' stands for a value."""
    words = ["psql", "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", *(word for item in values.items() for word in ("-v", "=".join(item)))]
    return subprocess.run(words, input=sql, env={**os.environ, **connection()}, capture_output=True, text=True, check=True, timeout=20).stdout


def notes():
    return json.loads(ask("SELECT coalesce(json_agg(notes ORDER BY id), '[]') FROM notes"))


def add(text):
    ask("INSERT INTO notes (author, text) VALUES (:'author', :'text')", author=author(), text=text)
    if os.environ.get("DEBUG"):
        print(f"a note of {author()}: {len(text)} characters", flush=True)


def author():
    """The file `author`, which is everyone's own: git ignores it, .worktreeinclude brings it along."""
    path = pathlib.Path("author")
    return path.read_text().strip() if path.exists() else "somebody"


def page():
    items = "".join(f"<li>{html.escape(note['text'])} <small>{html.escape(note['author'])}</small></li>" for note in notes())
    return PAGE.format(title=html.escape(os.environ.get("TITLE", "Notebook")), notes=items, database=html.escape(connection()["PGDATABASE"]),
                       port=os.environ["PORT"])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.reply({"/": page, "/notes": notes, "/health": lambda: ask("SELECT 1") and {"ok": True}}.get(self.path))

    def do_POST(self):
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 8192)).decode(errors="replace")
        try:
            text = json.loads(body)["text"] if self.path == "/notes" else parse_qs(body)["text"][0]
        except (ValueError, KeyError, TypeError):
            return self.answer(400, {"error": 'a note is {"text": "..."}'})
        self.reply(lambda: add(str(text)) or (notes() if self.path == "/notes" else page()))

    def reply(self, make):
        if not make:
            return self.answer(404, {"error": f"nothing at {self.path}"})
        try:
            self.answer(200, make())
        except subprocess.SubprocessError as error:
            said = getattr(error, "stderr", "") or str(error)
            print(said.strip(), flush=True)
            self.answer(503, {"error": said.strip()})

    def answer(self, status, value):
        kind, text = ("text/html; charset=utf-8", value) if isinstance(value, str) else ("application/json", json.dumps(value) + "\n")
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def main():
    port = int(os.environ["PORT"])
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print(f"the notebook is open: http://127.0.0.1:{port}/", flush=True)
    server.serve_forever()


main()
