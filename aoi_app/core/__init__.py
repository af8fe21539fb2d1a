"""What every room speaks of: scans, detections, inspections, recipes, settings and the protocols at the edge."""
