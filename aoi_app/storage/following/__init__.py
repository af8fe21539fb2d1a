"""What the audit says that the tables hold, against what they do hold: one follower of the chain a kind of act."""
