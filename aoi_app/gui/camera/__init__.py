"""The camera page: choose, adjust, set light and focus, capture the flat field."""
