"""The yardstick: a bare Flask view with the JSON answer that mockhost gives, and nothing else.

gunicorn serves it (`bench.reference:app`). It knows no authentication, no filter, no journal: whatever does those as
well and is still faster owes it to the server in front.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from flask import Flask, Response

app = Flask(__name__)
answer = json.loads(Path(os.environ["BENCH_ANSWER"]).read_text("utf-8"))


@app.get("/ecma2host_SQL/scim/Users")
def find() -> Response:
    return Response(json.dumps(answer), mimetype="application/scim+json")
