# SPDX-License-Identifier: Apache-2.0
"""The shop's database: one SQLite file that API and worker share."""

import os
import pathlib
import sqlite3

PATH = pathlib.Path(os.environ.get("SHOP_DB", "data/shop.db"))


def connect():
    """A connection that commits each statement by itself and waits for others' locks."""
    connection = sqlite3.connect(PATH, timeout=5, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection
