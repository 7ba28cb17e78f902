"""A path between a client's and a server's namespace: what every topology gives."""

import load
from owner import Owner


class Path(Owner):
    """Two pods and what lies between them, for the life of a with block:

        with floors.HostRouting() as path:
            path.measure("tcp_rr", seconds=3)

    A subclass says in build() how it comes about, and hands what must be undone to own().
    """

    label = ""
    what = ""

    def __init__(self):
        super().__init__()
        self.client = None  # Namespace
        self.server = None  # Namespace
        self.address = ""  # leads from the client to the server
        self.port = load.PORT

    def build(self):
        raise NotImplementedError

    def before_block(self):
        """Brings the path to the state that every block starts from."""

    def measure(self, workload, seconds, warm_up=0.3):
        return load.measure(self.client, workload, self.address, seconds, warm_up, self.port)

    def __enter__(self):
        with self.building():
            self.build()
            self.own(load.serve(self.server))
        return self
