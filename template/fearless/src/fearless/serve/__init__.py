"""The service: rows in, predictions out, and a record of each before it is answered."""
