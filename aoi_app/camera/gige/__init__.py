"""A GigE Vision line-scan camera of our own: the real protocols over UDP, with boards from any source."""
