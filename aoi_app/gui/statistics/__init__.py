"""The page of statistics: what the shift yields, and what costs it."""
