"""A stand-in for an OPA server: its REST API as we use it, evaluated by the embedded engine. It is not OPA.

It keeps policies by id, answers POST /v1/data/<path>, and can be told to be slow, to forget, or to talk nonsense.
"""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import regorus


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        told, text = self.server.told, self._body().decode()
        name = self.path.removeprefix("/v1/policies/")
        told.puts.append(name)
        try:
            regorus.Engine().add_policy(name, text)
        except RuntimeError:
            location = {"file": name, "row": 1}
            self._answer(400, {"message": "bad", "errors": [{"message": "rego_parse_error", "location": location}]})
            return
        # OPA compiles everything at each PUT: what calls a function that is not there yet is refused.
        if "phrase." in text and not any("/phrase.rego" in known for known in told.policies):
            self._answer(400, {"message": "bad", "errors": [{"message": "rego_type_error: undefined function"}]})
            return
        told.policies[name] = text
        self._answer(200, {})

    def do_POST(self):
        told, body = self.server.told, self._body()
        if told.forget:
            told.policies.clear()
            told.forget -= 1
        time.sleep(told.seconds)
        if told.nonsense is not None:
            self._answer(told.status, told.nonsense)
            return
        path, _, query = self.path.removeprefix("/v1/data/").partition("?")
        told.queries.append(query)
        engine = regorus.Engine()
        for name, text in told.policies.items():
            engine.add_policy(name, text)
        engine.set_input_json(json.dumps(json.loads(body)["input"]))
        try:
            result = {"result": json.loads(engine.eval_rule_as_json("data." + path.replace("/", ".")))}
        except RuntimeError as error:
            missing = "not a valid rule path" in str(error)
            self._answer(200 if missing else 500, {} if missing else {"message": str(error)})
            return
        self._answer(200, result)

    def _body(self):
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _answer(self, status, body):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def serving():
    """A server on a free port; what it is told and was asked is in `told`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told = SimpleNamespace(policies={}, puts=[], queries=[], seconds=0.0, forget=0, nonsense=None, status=200)
    server.told = told
    told.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
