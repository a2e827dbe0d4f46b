# SPDX-License-Identifier: MIT
"""Makes events for forecast_test.c of what a job told, each a line: phase, milliseconds since the
start, raw bytes done and total, work bytes done, total and taken over, blank bytes done and ahead
(-1: not known).

    imgz capture --progress=json ... 2>&1 | python3 record.py > name.events
"""

import json
import sys

KEYS = ("raw_bytes_done", "raw_bytes_total", "work_bytes_done", "work_bytes_total",
        "work_bytes_taken_over", "blank_bytes_done", "blank_bytes_ahead")
for line in sys.stdin:
    if line.startswith("{"):
        event = json.loads(line)
        if event.get("event") == "progress":
            print(event["phase"], event["elapsed_ns"] // 1000000,
                  *(-1 if event[key] is None else event[key] for key in KEYS))
