"""Data sets, networks, training and evaluation; imported by nothing but the command line."""
