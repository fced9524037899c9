# SPDX-License-Identifier: Apache-2.0
"""Creates the shop's database or brings it up to date: each step runs once, in order."""

import database

STEPS = [
    "CREATE TABLE items (name TEXT PRIMARY KEY, price INTEGER NOT NULL, picture TEXT NOT NULL)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT NOT NULL REFERENCES items, quantity INTEGER NOT NULL,"
    " state TEXT NOT NULL DEFAULT 'ordered', at TEXT NOT NULL DEFAULT (strftime('%H:%M:%S', 'now', 'localtime')))",
    "INSERT INTO items VALUES ('oar', 4900, '🛶'), ('thole pin', 350, '📍'), ('rope', 1200, '🪢'), ('lantern', 2600, '🏮')",
    "CREATE INDEX orders_state ON orders (state)",
]


def main():
    database.PATH.parent.mkdir(parents=True, exist_ok=True)
    connection = database.connect()
    connection.execute("PRAGMA journal_mode = WAL")
    done = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, step in enumerate(STEPS[done:], done + 1):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(step)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
        print(f"step {number} of {len(STEPS)}: {step.split('(')[0].strip()}")
    print(f"the database is at step {len(STEPS)}")


main()
