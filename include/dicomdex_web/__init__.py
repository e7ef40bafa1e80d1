"""What people see: one application of its own, search, detail, files; it knows neither Airflow nor Delta."""
