"""Values: money, life tables, signing, bank cards, time, numbers. Knows no Flask, no SQL, no network."""
