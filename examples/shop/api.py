# SPDX-License-Identifier: Apache-2.0
"""The shop's API: GET /health, /items, /orders, /orders/N[?wait=STATE]; POST /orders {"item", "quantity"}."""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import database

WAIT_SECONDS = 10


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        address = urlsplit(self.path)
        words = address.path.strip("/").split("/")
        if words == ["health"]:
            self.answer(200, {"ok": True})
        elif words == ["items"]:
            self.answer(200, rows("SELECT * FROM items ORDER BY price DESC"))
        elif words == ["orders"]:
            self.answer(200, rows("SELECT * FROM orders ORDER BY id DESC LIMIT 50"))
        elif words[0] == "orders" and len(words) == 2 and words[1].isdecimal():
            self.order(int(words[1]), parse_qs(address.query).get("wait", [None])[0])
        else:
            self.answer(404, {"error": f"nothing at {address.path}"})

    def order(self, number, state):
        """One order; with `state`, as soon as it is in that state or after a while."""
        deadline = time.monotonic() + (WAIT_SECONDS if state else 0)
        while True:
            found = rows("SELECT * FROM orders WHERE id = ?", number)
            if not found:
                return self.answer(404, {"error": f"no order {number}"})
            if found[0]["state"] == state or time.monotonic() >= deadline:
                return self.answer(200, found[0])
            time.sleep(0.05)

    def do_POST(self):
        try:
            wish = json.loads(self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 4096)))
            item, quantity = str(wish["item"]), int(wish["quantity"])
        except (ValueError, KeyError, TypeError):
            return self.answer(400, {"error": 'an order is {"item": "oar", "quantity": 2}'})
        if self.path != "/orders" or not rows("SELECT 1 FROM items WHERE name = ?", item) or not 1 <= quantity <= 99:
            return self.answer(422, {"error": f"cannot order {quantity} × {item}"})
        connection = database.connect()
        number = connection.execute("INSERT INTO orders (item, quantity) VALUES (?, ?)", (item, quantity)).lastrowid
        connection.close()
        print(f"order {number}: {quantity} × {item}")
        self.answer(201, rows("SELECT * FROM orders WHERE id = ?", number)[0])

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass  # orders are worth a line, questions are not


def rows(query, *values):
    connection = database.connect()
    try:
        return [dict(row) for row in connection.execute(query, values)]
    finally:
        connection.close()


def main():
    port = int(os.environ.get("SHOP_API_PORT", "18081"))
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print(f"the counter is open on port {port}")
    server.serve_forever()


main()
