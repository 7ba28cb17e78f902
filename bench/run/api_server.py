"""The few parts of the Kubernetes API that kube-proxy reads, from memory: list and watch of Services,
EndpointSlices, Nodes and ServiceCIDRs. Listens on loopback inside a node's namespace, so that the real kube-proxy
can be fed without a cluster. Anything written to it (Events) is accepted and forgotten.

    server = ApiServer(node)
    server.put("services", {...})
    server.url
"""

import http.server
import json
import socketserver
import threading
import urllib.parse

from namespaces import tcp_listener

# resource -> (API group and version, kind)
RESOURCES = {
    "services": ("v1", "Service"),
    "nodes": ("v1", "Node"),
    "endpointslices": ("discovery.k8s.io/v1", "EndpointSlice"),
    "servicecidrs": ("networking.k8s.io/v1", "ServiceCIDR"),
}
# A watch ends after this long without events, and the client asks again.
WATCH_IDLE_S = 300


class Store:
    """Objects by resource and name, with one version counter and what changed since each version."""

    def __init__(self):
        self.changed = threading.Condition()
        self.version = 1
        self._objects = {resource: {} for resource in RESOURCES}
        self._log = []  # (version, resource, event type, object)
        self.closed = False

    def put(self, resource, *objects):
        """Adds or replaces objects, as one change each, visible together."""
        with self.changed:
            for new in objects:
                self.version += 1
                key = _key(new)
                kind = "MODIFIED" if key in self._objects[resource] else "ADDED"
                version, name = RESOURCES[resource]
                new = {
                    **new,
                    "apiVersion": version,
                    "kind": name,
                    "metadata": {**new["metadata"], "resourceVersion": str(self.version)},
                }
                self._objects[resource][key] = new
                self._log.append((self.version, resource, kind, new))
            self.changed.notify_all()

    def remove(self, resource, *keys):
        """`keys`: "namespace/name"."""
        with self.changed:
            for key in keys:
                self.version += 1
                gone = self._objects[resource].pop(key)
                self._log.append((self.version, resource, "DELETED", gone))
            self.changed.notify_all()

    def snapshot(self, resource):
        with self.changed:
            return self.version, list(self._objects[resource].values())

    def events_after(self, version, resource, timeout):
        """(events, newest version), after waiting for one; ([], version) when none came."""
        with self.changed:
            self.changed.wait_for(lambda: self.closed or self.version > version, timeout)
            found = []
            for entry in reversed(self._log):
                if entry[0] <= version:
                    break
                if entry[1] == resource:
                    found.append((entry[2], entry[3]))
            return found[::-1], self.version

    def close(self):
        with self.changed:
            self.closed = True
            self.changed.notify_all()


def _key(item):
    return f"{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store = None

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        words = url.path.strip("/").split("/")
        resource = next((word for word in words if word in RESOURCES), None)
        if resource is None:
            self._reply(404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404})
        elif words[-1] != resource:
            self._get(resource, words[-1])
        elif query.get("watch") in ("1", "true"):
            self._watch(resource, query)
        else:
            self._list(resource)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._reply(201, {})

    do_PATCH = do_PUT = do_POST

    def _get(self, resource, name):
        _, items = self.store.snapshot(resource)
        for item in items:
            if item["metadata"]["name"] == name:
                return self._reply(200, item)
        return self._reply(404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404})

    def _list(self, resource):
        version, items = self.store.snapshot(resource)
        group, kind = RESOURCES[resource]
        self._reply(
            200,
            {
                "apiVersion": group,
                "kind": kind + "List",
                "metadata": {"resourceVersion": str(version)},
                "items": items,
            },
        )

    def _watch(self, resource, query):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if query.get("sendInitialEvents") == "true":
            version, items = self.store.snapshot(resource)
            self._chunk([("ADDED", item) for item in items])
            group, kind = RESOURCES[resource]
            self._chunk(
                [
                    (
                        "BOOKMARK",
                        {
                            "apiVersion": group,
                            "kind": kind,
                            "metadata": {
                                "resourceVersion": str(version),
                                "annotations": {"k8s.io/initial-events-end": "true"},
                            },
                        },
                    )
                ]
            )
        else:
            version = int(query.get("resourceVersion") or 0)
        while not self.store.closed:
            events, version = self.store.events_after(version, resource, WATCH_IDLE_S)
            if events:
                self._chunk(events)
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, events):
        body = "".join(json.dumps({"type": kind, "object": item}) + "\n" for kind, item in events).encode()
        if body:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
            self.wfile.flush()

    def _reply(self, code, body):
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that goes away in the middle of a watch is no error."""


class ApiServer(Store):
    def __init__(self, namespace):
        super().__init__()
        listener = tcp_listener(namespace, "127.0.0.1")
        handler = type("Handler", (_Handler,), {"store": self})
        self._server = _Server(listener.getsockname(), handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener
        self.url = "http://127.0.0.1:%d" % listener.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        super().close()
        self._server.shutdown()
        self._server.server_close()
