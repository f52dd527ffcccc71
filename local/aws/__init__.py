"""The embedded AWS on 127.0.0.1: a module or package for each service that works here."""
