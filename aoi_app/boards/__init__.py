"""Circuit boards drawn by the program: layout, defects, light and noise, with exact labels."""
