"""What the project is made of, and where that comes from."""
