#!/usr/bin/python3
"""The bare fork loop of Python programs, as fork_limit.c is that of native ones:

    fork_limit.py PROGRAM SECONDS PROCESSES      prints {"runs": N, "seconds": S}

What the program imports at its top level is imported once, and the program is compiled. Then each
run is a fork: the child runs the program and ends without taking the interpreter apart; its output
is read to the end and it is reaped."""
import ast
import gc
import importlib
import json
import os
import sys
import time

ENVIRONMENT = {
    "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_SOFTWARE": "limit",
    "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80", "REQUEST_METHOD": "GET",
    "REQUEST_URI": "/cgi-bin/now", "SCRIPT_NAME": "/cgi-bin/now", "QUERY_STRING": "x=42",
    "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "40000", "HTTP_HOST": "127.0.0.1",
    "PATH": "/usr/bin:/bin",
}


def loaded(path):
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read(), path)
    for statement in tree.body:
        if isinstance(statement, ast.Import):
            for name in statement.names:
                importlib.import_module(name.name)
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            importlib.import_module(statement.module)
    return compile(tree, path, "exec")


def run_once(code):
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(writable, 1)
        os.environ.update(ENVIRONMENT)
        exec(code, {"__name__": "__main__"})
        sys.stdout.flush()
        os._exit(0)
    os.close(writable)
    size = 0
    while output := os.read(readable, 4096):
        size += len(output)
    os.close(readable)
    _, status = os.waitpid(pid, 0)
    return size > 0 and status == 0


def loop(code, seconds, told):
    gc.freeze()
    end = time.monotonic() + seconds
    runs = 0
    while time.monotonic() < end:
        if not run_once(code):
            os._exit(1)
        runs += 1
    os.write(told, b"%d\n" % runs)
    os._exit(0)


def main():
    path, seconds, processes = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    code = loaded(path)
    readable, writable = os.pipe()
    begin = time.monotonic()
    children = []
    for _ in range(processes):
        pid = os.fork()
        if pid == 0:
            loop(code, seconds, writable)
        children.append(pid)
    os.close(writable)
    ended = [os.waitpid(pid, 0)[1] for pid in children]
    took = time.monotonic() - begin
    with open(readable, encoding="ascii") as told:
        runs = sum(map(int, told))
    print(json.dumps({"runs": runs, "seconds": took}))
    return 0 if runs and not any(ended) else 1


sys.exit(main())
