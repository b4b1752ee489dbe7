"""Bounds of containers, read off the containers and off the code around them."""
