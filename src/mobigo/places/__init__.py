"""Names: stops, communes, addresses, points of interest."""
