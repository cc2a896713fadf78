"""On-demand transport: services as data, booking rules, offers, bookings, and the vehicles that keep them."""
