"""The configuration: typed settings, YAML files, and messages for what is wrong in them."""
