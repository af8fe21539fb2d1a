"""The page of recipes: what a product must look like."""
