#!/bin/sh
# The time as server-sent events, one a second. When the reader leaves, the server ends the program.
printf 'Content-Type: text/event-stream\nCache-Control: no-store\n\n'

seconds_left=300
while [ "$seconds_left" -gt 0 ]; do
  printf 'data: %s\n\n' "$(date +%H:%M:%S)"
  seconds_left=$((seconds_left - 1))
  sleep 1
done

# A browser opens an ended stream again, unless the page closes it at this event.
printf 'event: end\ndata: five minutes are over\n\n'
