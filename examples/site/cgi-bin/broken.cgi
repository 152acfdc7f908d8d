#!/usr/bin/python3
"""Fails on purpose, as programs do: before its header, with the cause on standard error."""

import sys
import traceback


def read_orders(path):
    with open(path, encoding="utf-8") as orders:
        return orders.read().splitlines()


try:
    count = len(read_orders("/nonexistent/orders.csv"))
except OSError:
    print("broken.cgi: the orders cannot be read; is the disk mounted?", file=sys.stderr)
    traceback.print_exc()
    sys.exit(3)

print(f"Content-Type: text/plain\n\n{count} orders")
