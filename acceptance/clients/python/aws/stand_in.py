"""AWS for tests: moto, and what moto cannot do by itself.

Prints one line of JSON with its port when it is ready, and ends with the process that started it.

- Faults: `PUT /ferrymq/faults` takes a list of objects with `id`, `action`, `region`, `code`, `message`,
  `status` and `times` (how often; for ever without it). A call that matches is answered so; with `after`
  it is carried out nevertheless.
- Consoles: `PUT /ferrymq/consoles/<instance>` takes the text that GetConsoleOutput gives; `*` is all others.
- `RunInstances` is idempotent by its client token, as it is with AWS, and takes termination
  protection to heart, which can be taken off again.
- DynamoDB is served one call at a time: with AWS, a condition and the write that depends on it are one,
  and in moto another write may come in between.
"""

import base64
import gzip
import json
import os
import re
import select
import sys
import threading
from io import BytesIO
from urllib.parse import parse_qs

from moto.ec2.models import ec2_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

ACCOUNT = "123456789012"
PROTECTION = "DisableApiTermination.Value"
SCOPE = re.compile(r"Credential=[^/]*/\d+/([^/]+)/([^/]+)/")

REQUEST_ID = "00000000-fa17-0000-0000-000000000000"

ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
<RequestID>{request}</RequestID></Response>"""

# Services that are not EC2 wrap errors otherwise.
QUERY_ERROR = """<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
<Message>{message}</Message></Error><RequestId>{request}</RequestId></ErrorResponse>"""

CONSOLE = """<GetConsoleOutputResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">\
<requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId><instanceId>{instance}</instanceId>\
<timestamp>2026-01-01T00:00:00.000Z</timestamp><output>{output}</output>\
</GetConsoleOutputResponse>"""


class StandIn:
    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.lock = threading.Lock()
        self.dynamodb = threading.Lock()
        self.faults = []
        self.consoles = {}
        self.launches = {}

    def __call__(self, environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        if environ.pop("HTTP_CONTENT_ENCODING", "") == "gzip":
            body = gzip.decompress(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        environ["wsgi.input"] = BytesIO(body)
        path = environ["PATH_INFO"]
        if path.startswith("/ferrymq/"):
            return self.control(path, body, start_response)
        form = {}
        if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
            form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        action = form.get("Action") or target.rpartition(".")[2]
        scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        region, service = scope.groups() if scope else ("", "")
        fault = self.fault(action, region)
        if fault:
            if fault.get("after"):
                b"".join(self.carry_out(environ, lambda *_: None))
            return self.answer_fault(fault, bool(target), service, start_response)
        if action == "GetConsoleOutput":
            text = self.consoles.get(form.get("InstanceId")) or self.consoles.get("*", "")
            output = base64.b64encode(text.encode()).decode()
            said = CONSOLE.format(instance=form.get("InstanceId"), output=output)
            return reply(start_response, "200 OK", "text/xml", said.encode())
        if action == "RunInstances" and form.get("ClientToken"):
            return self.launch(form, region, environ, start_response)
        if action == "ModifyInstanceAttribute" and PROTECTION in form:
            return self.protect(form, region, environ, start_response)
        return self.carry_out(environ, start_response)

    def carry_out(self, environ, start_response):
        if not environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB"):
            return self.moto(environ, start_response)
        with self.dynamodb:
            return [b"".join(self.moto(environ, start_response))]

    def protect(self, form, region, environ, start_response):
        answer = self.moto(environ, start_response)
        # It keeps the text, of which "false" is as good as "true".
        instance = ec2_backends[ACCOUNT][region].get_instance(form["InstanceId"])
        instance.disable_api_termination = form[PROTECTION] == "true"
        return answer

    def control(self, path, body, start_response):
        with self.lock:
            if path == "/ferrymq/faults":
                self.faults = self.with_what_is_left(json.loads(body))
            elif path.startswith("/ferrymq/consoles/"):
                self.consoles[path.rpartition("/")[2]] = body.decode()
        return reply(start_response, "200 OK", "text/plain", b"")

    def with_what_is_left(self, faults):
        """Whoever adds one sends all; those that are there already have been spent in part."""
        left = {fault["id"]: fault["times"] for fault in self.faults}
        return [{**fault, "times": left.get(fault["id"], fault["times"])} for fault in faults]

    def fault(self, action, region):
        with self.lock:
            for fault in self.faults:
                if fault["action"] != action or fault["region"] != region:
                    continue
                if fault.get("times") is not None:
                    if fault["times"] == 0:
                        continue
                    fault["times"] -= 1
                return fault
        return None

    def answer_fault(self, fault, is_json, service, start_response):
        status = f"{fault.get('status', 400)} Fault"
        if is_json:
            said = {"__type": fault["code"], "message": fault["message"]}
            return reply(
                start_response, status, "application/x-amz-json-1.1", json.dumps(said).encode()
            )
        wording = ERROR if service == "ec2" else QUERY_ERROR
        said = wording.format(
            code=fault["code"], message=fault["message"], request=REQUEST_ID
        )
        return reply(start_response, status, "text/xml", said.encode())

    def launch(self, form, region, environ, start_response):
        key = (region, form["ClientToken"])
        with self.lock:
            known = self.launches.get(key)
            if known is None:
                sent = []

                def keep(status, headers, exc_info=None):
                    sent[:] = [status, headers]

                body = b"".join(self.moto(environ, keep))
                known = (sent[0], sent[1], body)
                if sent[0].startswith("200"):
                    self.launches[key] = known
                    made = re.search(rb"<instanceId>([^<]+)<", body).group(1).decode()
                    instance = ec2_backends[ACCOUNT][region].get_instance(made)
                    instance.disable_api_termination = form.get("DisableApiTermination") == "true"
        status, headers, body = known
        start_response(status, headers)
        return [body]


def reply(start_response, status, kind, body):
    headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
    start_response(status, headers + [("x-amzn-RequestId", REQUEST_ID)])
    return [body]


def end_with(parent):
    watched = select.poll()
    watched.register(os.pidfd_open(parent), select.POLLIN)
    watched.poll()
    os._exit(0)


def main():
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    host = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    server = make_server(host, port, StandIn(), threaded=True)
    print(json.dumps({"port": server.server_port}), flush=True)
    server.serve_forever()


main()
