"""The planner under interfaces that clients of other planners already speak; each is an application of its own."""
