#!/usr/bin/python3
"""The same in Python, with the imports that a program needs to take a form and answer JSON."""
import json
import os
import time
import urllib.parse

query = json.loads(json.dumps(urllib.parse.unquote(os.environ["QUERY_STRING"])))
now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
print(f"Content-Type: text/plain\n\n{now} {query}")
