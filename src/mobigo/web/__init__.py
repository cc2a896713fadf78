"""HTTP: the application, its errors, and the pages."""
