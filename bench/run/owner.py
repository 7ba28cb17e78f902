"""Things that own other things, and undo them in the reverse order."""

import contextlib


class Owner:
    """Base of what is made of closable parts:

    class Node(Owner):
        def __init__(self):
            super().__init__()
            with self.building():  # a failure half-way undoes what is there
                self.namespace = self.own(Namespace("node"))
    """

    def __init__(self):
        self._owned = contextlib.ExitStack()

    def own(self, thing):
        """Closes `thing` when this closes."""
        self._owned.callback(thing.close)
        return thing

    def at_close(self, undo, *arguments):
        self._owned.callback(undo, *arguments)

    @contextlib.contextmanager
    def building(self):
        try:
            yield
        except BaseException:
            self.close()
            raise

    def close(self):
        self._owned.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
