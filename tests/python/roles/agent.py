# SPDX-License-Identifier: LGPL-2.1-or-later
"""The loop of every role: requests come in as lines of JSON, answers go out the same way, end of input ends
it."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))


def options():
    return json.loads(sys.argv[1])


def _say(answer):
    print(json.dumps(answer), flush=True)


def serve(role):
    """Calls role.<command>(**arguments) for each request."""
    _say({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        command = request.pop("command")
        try:
            answer = getattr(role, command)(**request)
        except Exception as error:
            _say({"error": type(error).__name__, "message": str(error)})
        else:
            _say(answer or {})
