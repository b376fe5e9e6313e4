"""Schedules of concurrent sessions, run on PostgreSQL and on HeliosDB: results, waits and errors are compared."""
