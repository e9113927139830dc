"""The toolkit of a Fearless repository: golden data, benchmark gate and the guards around them."""
