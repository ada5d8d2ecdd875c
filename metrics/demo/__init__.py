"""A made-up fleet: machines that are formulas, read over the product's own paths. Only in a demo installation."""
