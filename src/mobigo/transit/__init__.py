"""Timetables as data: GTFS in, versions, timetable arrays, public transport search."""
