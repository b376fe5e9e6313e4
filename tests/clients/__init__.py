"""Programs that know nothing of us: what ``make test`` runs of them, and what ``make clients`` installs and runs."""
