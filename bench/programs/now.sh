#!/bin/sh
# The same as a shell script: the shell starts a second program.
body="$(date -u +%Y-%m-%dT%H:%M:%SZ) $QUERY_STRING"
printf 'Content-Type: text/plain\nContent-Length: %d\n\n%s\n' $((${#body} + 1)) "$body"
