"""The metadata service of one machine (IMDSv2), from a file: metadata.py FILE [HOST:PORT].

The file holds an object of paths below /latest/meta-data/ and their texts.
"""

import http.server
import json
import secrets
import sys

with open(sys.argv[1]) as file:
    METADATA = json.load(file)
TOKEN = secrets.token_hex(16)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        if self.path != "/latest/api/token":
            return self.say(404, "")
        if "x-aws-ec2-metadata-token-ttl-seconds" not in self.headers:
            return self.say(400, "")
        return self.say(200, TOKEN)

    def do_GET(self):
        # IMDSv1 is off: a question without a token has no answer.
        if self.headers.get("x-aws-ec2-metadata-token") != TOKEN:
            return self.say(401, "")
        text = METADATA.get(self.path.removeprefix("/latest/meta-data/"))
        return self.say(404, "") if text is None else self.say(200, text)

    def say(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


host, port = (*sys.argv[2:], "169.254.169.254:80")[0].rsplit(":", 1)
server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
print("ready", flush=True)
server.serve_forever()
