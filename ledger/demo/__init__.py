"""The demonstration: two years of a fictional processor, as a feed."""
