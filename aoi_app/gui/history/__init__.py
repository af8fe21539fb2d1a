"""The page of the past: boards that were inspected."""
