"""Where a car is left on the way: park and ride of the extract, carpool places of the national register."""
