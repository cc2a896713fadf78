"""Buying and using: orders over every leg, taps of bank cards, passes of regular travellers, shares of operators."""
