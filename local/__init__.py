"""This machine: the embedded AWS, the sample warehouse, and the main job that drives them."""
