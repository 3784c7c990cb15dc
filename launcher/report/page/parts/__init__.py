"""The seven parts of the page: each module makes the data that the template of its name shows."""
