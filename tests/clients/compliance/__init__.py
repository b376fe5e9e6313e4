"""SQLAlchemy's own suite for dialects, on the dialect in the process and on the server (``__main__``)."""
