#!/usr/bin/env python3
"""An external extension that sums up what its environment has served, from the Telemetry API; no library needed."""

import collections
import http.client
import http.server
import json
import os
import threading

PORT = 4243
API = os.environ["AWS_LAMBDA_RUNTIME_API"]
totals = collections.Counter()


def call(method, path, headers, body=None):
    """Call an API of the environment; return the answer's headers and its body."""
    link = http.client.HTTPConnection(API)
    link.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = link.getresponse()
    return answer.headers, json.loads(answer.read())


class Listener(http.server.BaseHTTPRequestHandler):
    """Takes batches of events."""

    def do_POST(self):
        for event in json.loads(self.rfile.read(int(self.headers["Content-Length"]))):
            if event["type"] == "platform.report":
                totals["invocations"] += 1
                totals["errors"] += event["record"]["status"] != "success"
                totals["billed_ms"] += event["record"]["metrics"]["billedDurationMs"]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing: what is logged here would come back as telemetry."""


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    name = {"Lambda-Extension-Name": os.path.basename(__file__)}
    headers, _ = call("POST", "/2020-01-01/extension/register", name, {"events": ["SHUTDOWN"]})
    me = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
    subscription = {
        "schemaVersion": "2022-12-13",
        "types": ["platform"],
        "buffering": {"timeoutMs": 100},
        "destination": {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{PORT}"},
    }
    call("PUT", "/2022-07-01/telemetry", me, subscription)
    _, event = call("GET", "/2020-01-01/extension/event/next", me)
    print("summary", event["shutdownReason"], json.dumps(totals), flush=True)


if __name__ == "__main__":
    main()
