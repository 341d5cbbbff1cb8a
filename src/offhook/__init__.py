"""Offhook: a self-hosted communications platform that speaks Twilio's public interfaces."""

__version__ = "0.1.0"
