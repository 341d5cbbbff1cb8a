"""Webhooks without the network: the signature, the parameters, and what to do when one fails."""
