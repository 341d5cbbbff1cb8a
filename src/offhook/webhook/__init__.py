"""Webhooks without the network: the signature, the parameters, and which of them share cookies."""
