"""The API of MOTIS 2 (v1 to v6), so that its clients work here by changing the address they ask."""
