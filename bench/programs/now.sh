#!/bin/sh
# The same as a shell script: the shell starts a second program.
printf 'Content-Type: text/plain\n\n%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ) $QUERY_STRING"
