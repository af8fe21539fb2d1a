"""Assembled boards: parts, solder and silkscreen on a finished bare board."""
