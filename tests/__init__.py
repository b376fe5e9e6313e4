"""Tests that span packages: the differential corpus, the random fuzzer, real data sets."""
