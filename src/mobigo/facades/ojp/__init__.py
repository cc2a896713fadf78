"""Open Journey Planner: the planner as OJP 2.0 asks it (CEN/TS 17118:2024, profile of Transmodel and SIRI)."""
