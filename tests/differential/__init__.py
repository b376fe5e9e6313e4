"""Scripts whose answers were recorded from PostgreSQL, run against HeliosDB through each of its doors.

``scripts/<area>/<name>.sql`` are the questions, ``expected/<area>/<name>.txt`` PostgreSQL's answers as ``record.py``
wrote them down, ``pending.txt`` the scripts that HeliosDB does not pass yet. Adding a script: write it, run ``python
-m tests.differential.record scripts/<area>/<name>.sql``, read the recording, commit both.
"""
