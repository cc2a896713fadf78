"""Tickets as things: codes that prove themselves without a network, the keys behind them, and the device that reads."""
