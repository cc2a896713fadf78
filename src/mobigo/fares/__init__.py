"""What travelling costs: the catalogue, dated and never changed once sold, and the cheapest lawful way to pay."""
