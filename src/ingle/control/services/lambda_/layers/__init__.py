"""Layers and who may use them."""
