"""The page of the line: what is on it now."""
