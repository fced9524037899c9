# SPDX-License-Identifier: Apache-2.0
"""The shop's page, and /api/… passed on to the API so that the browser sees one address."""

import http.client
import os
import pathlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

API_PORT = int(os.environ.get("SHOP_API_PORT", "18081"))
PAGE = pathlib.Path(__file__).with_name("page.html")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/api/"):
            self.pass_on(None)
        elif self.path.split("?")[0] == "/":
            self.answer(200, "text/html; charset=utf-8", PAGE.read_bytes())
        else:
            self.answer(404, "text/plain", b"no such page\n")

    def do_POST(self):
        if self.path.startswith("/api/"):
            self.pass_on(self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 4096)))
        else:
            self.answer(404, "text/plain", b"no such page\n")

    def pass_on(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", API_PORT, timeout=15)
        try:
            connection.request(self.command, self.path.removeprefix("/api"), body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            self.answer(reply.status, "application/json", reply.read())
        except OSError as error:
            self.answer(502, "application/json", b'{"error": "the counter is closed"}')
            print(f"no answer from the API: {error}")
        finally:
            connection.close()

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def main():
    port = int(os.environ.get("SHOP_WEB_PORT", "18080"))
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print(f"the shop is open: http://127.0.0.1:{port}/")
    server.serve_forever()


main()
