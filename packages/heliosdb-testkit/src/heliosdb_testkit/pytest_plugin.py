"""pytest's door into the testkit (entry point ``pytest11``): fixtures come from here."""
