"""The dashboard, the live stream and the health of the house: reads everything, changes only runtime rows."""
