"""TwiML, one vocabulary read both ways: `document` parses it, `builder` writes it, `interpreter` runs it.

Importing this package loads the builder only, so that a web application pays for nothing else.
"""
