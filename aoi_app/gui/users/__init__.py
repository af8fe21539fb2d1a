"""Who sits at the window, and what they may do."""
