# SPDX-License-Identifier: Apache-2.0
"""Ships what was ordered, one order after the other; told to stop, it finishes the parcel in its hands."""

import os
import signal
import threading

import database

stopping = threading.Event()


def take(connection):
    """The oldest order that is not shipped; one that was packed when the last worker died is taken up again."""
    return connection.execute("SELECT * FROM orders WHERE state IN ('packed', 'ordered') ORDER BY id LIMIT 1").fetchone()


def ship(connection, order):
    connection.execute("UPDATE orders SET state = 'packed' WHERE id = ?", (order["id"],))
    print(f"order {order['id']}: packed {order['quantity']} × {order['item']}")
    stopping.wait(0.2)  # tape and label
    connection.execute("UPDATE orders SET state = 'shipped' WHERE id = ?", (order["id"],))
    print(f"order {order['id']}: shipped")


def main():
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.set())
    connection = database.connect()
    print(f"signed in at the carrier with token {os.environ.get('SHOP_CARRIER_TOKEN', '(none)')}")
    print("waiting for orders")
    while not stopping.is_set():
        order = take(connection)
        if order:
            ship(connection, order)
        else:
            stopping.wait(0.2)
    print("the worker goes home")


main()
