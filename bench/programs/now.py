#!/usr/bin/python3
"""The same in Python, with the imports that a program needs to take a form and answer JSON."""
import json
import os
import time
import urllib.parse

query = json.loads(json.dumps(urllib.parse.unquote(os.environ["QUERY_STRING"])))
body = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {query}\n"
print(f"Content-Type: text/plain\nContent-Length: {len(body)}\n\n{body}", end="")
