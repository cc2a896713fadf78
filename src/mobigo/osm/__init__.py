"""One pass over an OpenStreetMap extract into staging, for streets, places and the base map."""
