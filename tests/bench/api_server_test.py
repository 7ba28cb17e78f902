#!/usr/bin/env python3
"""The stub of the API server tells clients what kube-proxy asks it for."""

import json
import pathlib
import sys
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench/run"))
import api_server  # noqa: E402  (the path is set just above)
import services  # noqa: E402

PATH = "/api/v1/services"


class ApiServer(unittest.TestCase):
    def setUp(self):
        self.server = api_server.ApiServer(None)
        self.addCleanup(self.server.close)

    def open(self, path):
        return urllib.request.urlopen(self.server.url + path, timeout=60)

    def events(self, stream, count):
        found = [json.loads(stream.readline()) for _ in range(count)]
        return [(event["type"], event["object"]["metadata"].get("name")) for event in found]

    def test_lists_what_was_put(self):
        self.server.put("services", services.service(0, 80), services.service(1, 80))
        listed = json.load(self.open(PATH))
        self.assertEqual(listed["kind"], "ServiceList")
        self.assertEqual(
            [item["spec"]["clusterIP"] for item in listed["items"]], ["10.96.0.16", "10.96.0.17"]
        )

    def test_a_watch_goes_on_where_the_list_ended(self):
        self.server.put("services", services.service(0, 80))
        version = json.load(self.open(PATH))["metadata"]["resourceVersion"]
        with self.open(f"{PATH}?watch=1&resourceVersion={version}") as stream:
            self.server.put("services", services.service(1, 80))
            self.server.put("services", services.service(0, 8080))
            self.server.remove("services", "bench/svc-1")
            expected = [("ADDED", "svc-1"), ("MODIFIED", "svc-0"), ("DELETED", "svc-1")]
            self.assertEqual(self.events(stream, 3), expected)

    def test_a_streaming_list_ends_with_its_bookmark(self):
        self.server.put("services", services.service(0, 80))
        with self.open(f"{PATH}?watch=1&sendInitialEvents=true") as stream:
            self.assertEqual(self.events(stream, 2), [("ADDED", "svc-0"), ("BOOKMARK", None)])

    def test_a_watch_of_one_resource_is_silent_about_others(self):
        with self.open(f"{PATH}?watch=1&resourceVersion=1") as stream:
            self.server.put("endpointslices", services.endpoint_slice(0, ["10.0.0.1"], 80, "node-1"))
            self.server.put("services", services.service(5, 80))
            self.assertEqual(self.events(stream, 1), [("ADDED", "svc-5")])

    def test_unknown_resources_are_not_found(self):
        with self.assertRaises(urllib.error.HTTPError) as raised:
            self.open("/api/v1/secrets")
        self.assertEqual(raised.exception.code, 404)


if __name__ == "__main__":
    unittest.main()
