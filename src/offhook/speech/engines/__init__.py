"""Engines, one a file. Imported only inside a worker process: what they wrap may be GPL."""
