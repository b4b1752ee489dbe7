"""Made-up series: what a run of a harmless or leaking scenario would have given, by the thousand and in no time."""
