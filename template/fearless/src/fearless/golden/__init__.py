"""Golden data: the rows that judge every model and train none."""
