"""Bare boards: copper on laminate."""
