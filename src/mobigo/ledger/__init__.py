"""Money owed and paid: double entry, integer cents, never changed afterwards."""
