"""The page of review: what people say of what the station found."""
