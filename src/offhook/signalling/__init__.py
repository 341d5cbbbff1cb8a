"""What carries SIP messages: the sockets below voice and the sandbox's phones, which know nothing of calls."""
