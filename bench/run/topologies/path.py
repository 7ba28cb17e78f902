"""A path between a client's and a server's namespace: what every topology gives."""
import contextlib

import load


class Path:
    """Two pods and what lies between them, for the life of a with block:

        with floors.HostRouting() as path:
            path.measure("tcp_rr", seconds=3)

    A subclass says in build() how it comes about, and hands what must be undone to own().
    """

    label = ""
    what = ""

    def __init__(self):
        self._owned = contextlib.ExitStack()
        self.client = None  # Namespace
        self.server = None  # Namespace
        self.address = ""  # leads from the client to the server
        self.port = load.PORT

    def build(self):
        raise NotImplementedError

    def before_block(self):
        """Brings the path to the state that every block starts from."""

    def own(self, thing):
        """Closes `thing` with this path, in the reverse order of owning."""
        self._owned.callback(thing.close)
        return thing

    def measure(self, workload, seconds, warm_up=0.3):
        return load.measure(self.client, workload, self.address, seconds, warm_up, self.port)

    def __enter__(self):
        try:
            self.build()
            self.own(load.serve(self.server))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._owned.close()
