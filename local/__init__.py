"""The embedded AWS: one process on 127.0.0.1 whose services really do their work."""
